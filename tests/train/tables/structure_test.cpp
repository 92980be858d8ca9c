// Tables and JSON among text files are recognised, plain texts are not taken for them.

#include "train/tables/structure.h"

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "train/data/corpus.h"
#include "train/data/text_source.h"

namespace hewn {
namespace {

using Format = Structure::Format;

std::string repeated(const std::string& line, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += line;
  return text;
}

}  // namespace

TEST_CASE("structure: a table has the same tabs on every line") {
  const std::string row = "good\ta film that I saw twice\n";
  CHECK(structure_of(repeated(row, 3)).format == Format::table);
  CHECK(structure_of(repeated("good\ta film\r\n", 3)).format == Format::table);
  CHECK(structure_of(repeated(row, 10000)).format == Format::table);  // the last line looked at is incomplete
  CHECK(structure_of(repeated(row, 3)).columns == 2);
  CHECK(structure_of(repeated(row, 3)).widest == 2);
  CHECK(structure_of(repeated("a film that I saw twice\tgood\n", 3)).widest == 1);
  CHECK(structure_of(repeated(row, 2)).format == Format::plain);
  CHECK(structure_of(repeated(row, 3) + "a line without\n").format == Format::plain);
  CHECK(structure_of(repeated("\tindented\n", 5)).format == Format::plain);
  CHECK(structure_of(repeated("a column and a tab\t\n", 5)).format == Format::plain);
  CHECK(structure_of(repeated("if (x)\t\t// twice\n", 5)).format == Format::plain);
}

TEST_CASE("structure: commas and semicolons make a table if there is a header") {
  const std::string csv = "label,text\n1,\"a film, seen\ntwice\"\n2,short\n";
  CHECK(structure_of(csv).format == Format::table);
  CHECK(structure_of(csv).delimiter == ',');
  CHECK(structure_of(csv).columns == 2);
  CHECK(structure_of(csv).widest == 2);
  CHECK(structure_of(csv).keys == std::vector<std::string>{"label", "text"});
  CHECK(structure_of("label;text\n1;a\n2;b\n").delimiter == ';');
  CHECK(structure_of("label,text\n" + repeated("1,\"a film\"\n", 10000)).columns == 2);  // cut off
  CHECK(structure_of("Yes, I did.\nNo, never.\nWell, once.\n").format == Format::plain);
  CHECK(structure_of("label,text\n1,a\n2,b,c\n").format == Format::plain);
  CHECK(structure_of("1,2\n3,4\n5,6\n").format == Format::plain);
}

TEST_CASE("structure: JSON, by lines or as one value, complete or cut off") {
  const std::string line = R"({"label": 1, "text": "a film with \"quotes\" and {braces}"})"
                           "\n";
  CHECK(structure_of(line + line).format == Format::json_lines);
  CHECK(structure_of("\n" + line + "\n" + line).format == Format::json_lines);
  CHECK(structure_of(repeated(line, 5000)).format == Format::json_lines);
  CHECK(structure_of(line + line).keys == std::vector<std::string>{"label", "text"});
  CHECK(structure_of(line).format == Format::json);
  const std::string item = R"(  {"title": "x", "text": "\u00e9 and more"},)"
                           "\n";
  CHECK(structure_of("[\n" + item + R"({"text": "y"}])").format == Format::json);
  CHECK(structure_of("[\n" + item + R"({"text": "y"}])").keys == std::vector<std::string>{"title", "text"});
  for (int more = 0; more < 8; ++more)  // cut at any place of a value
    CHECK(structure_of("[" + std::string(static_cast<size_t>(more), ' ') + repeated(item, 5000)).format ==
          Format::json);
  CHECK(structure_of(R"({"a": [1, 2, {"b": null}]})").format == Format::json);
  CHECK(structure_of(line + "and a line of text\n").format == Format::plain);
  CHECK(structure_of("{\"a\": 1, and no JSON}").format == Format::plain);
}

TEST_CASE("structure: a number too large for a double makes no JSON, and no error") {
  CHECK(structure_of("{\"a\": -2.5e3666666}\n").format == Format::plain);
  CHECK(structure_of("[\n{\"a\": 1e999},\n{\"a\": 1}\n]\n").format == Format::plain);
}

TEST_CASE("structure: the keys of the first object, whatever its texts contain") {
  using Keys = std::vector<std::string>;
  CHECK(structure_of(R"([{"a": "}{", "b": {"c": 1}, "a": 2}, {"d": 3}])").keys == Keys{"a", "b"});
  CHECK(structure_of(R"(["{", {"a": 1}])").keys == Keys{"a"});
  CHECK(structure_of("[[1], [2]]").keys.empty());
  CHECK(
      structure_of(R"([[-1, 2.5, 3, true, null, "b"], {"a": -1, "b": 2.5, "c": [-1e3], "d": true}])").keys ==
      Keys{"a", "b", "c", "d"});
  const std::string braces(60000, '}');  // trying each of them would take minutes
  CHECK(structure_of("[{\"a\": \"" + braces + "\"}]").keys == Keys{"a"});
  CHECK(structure_of("[{\"a\": \"" + braces + braces + "\"}]")
            .keys.empty());  // incomplete in what is looked at
}

TEST_CASE("structure: plain texts are recognised") {
  for (const std::string text : {"", "\n\n\n", "one line", "[Enter HAMLET]\n[Exit]\n[Exeunt]\n", "1\n2\n3\n",
                                 "{\n\n", "[1]\n", "\"a\"\n\"b\"\n\"c\"\n", "{}\n{}x\n"}) {
    INFO(text);
    CHECK(structure_note("a.txt", text) == "");
  }
  CHECK(structure_note("tales", generate_tales(500, 1)) == "");
  CHECK(structure_note("README.md", test::read_file(test::source_dir() / "README.md")) == "");
  CHECK(structure_note("loop.cpp", test::read_file(test::source_dir() / "train/loop.cpp")) == "");
}

TEST_CASE("structure: the note has the command that extracts the texts") {
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != text.npos; };
  CHECK(has(structure_note("films.tsv", repeated("good\ta film\n", 3)), "cut -f2 films.tsv > texts.txt"));
  CHECK(has(
      structure_note("f.csv", "kind,film\n1,a film\n2,b film\n"),
      "2 columns separated by commas; it is read as plain text, commas and labels included. To extract only "
      "the texts: mlr --icsv --onidx cut -f 'film' f.csv > texts.txt"));
  const std::string lines = structure_note("films", repeated(R"({"label": 1, "text": "a film"})"
                                                             "\n",
                                                             3));
  CHECK(has(lines, "JSON Lines with the keys label, text; "));
  CHECK(has(lines, R"(jq -r '.["text"]' films > texts.txt)"));
  CHECK(has(structure_note("f", R"([{"content": "x"}])"), R"(jq -r '.. | .["content"]? // empty' f)"));
  CHECK(has(structure_note("f.csv", "kind;film\n1;a film\n2;b film\n"),
            "2 columns separated by semicolons; it is read as plain text, semicolons and labels included. To "
            "extract "
            "only the texts: mlr --icsv --ifs ';' --onidx cut -f 'film' f.csv > texts.txt"));
  // At most five keys are listed; without a usual one, the first key holds the text.
  const std::string five = R"({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5)";
  CHECK(has(structure_note("f", five + "}"), "JSON with the keys a, b, c, d, e; it"));
  const std::string six = structure_note("f", five + R"(, "f": 6})");
  CHECK(has(six, "JSON with the keys a, b, c, d, e, ...; it"));
  CHECK(has(six, R"(jq -r '.. | .["a"]? // empty' f)"));
  const std::string lists = structure_note("f", "[[1], [2]]");
  CHECK(has(lists, "f looks like JSON; it"));
  CHECK(has(lists, R"(jq -r '.. | .["text"]? // empty' f)"));
}

}  // namespace hewn
