// Tables of all formats: values, where they are, and what is refused.

#include "train/tables/table.h"

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using test::fails;

Table table(const std::string& text, const TableOptions& options = {}) { return Table("t", text, options); }

std::string shown(const Table& t) {
  std::string all;
  for (int64_t row = 0; row < t.rows(); ++row)
    for (int64_t column = 0; column < std::ssize(t.columns()); ++column)
      all += join(column ? "|"
                  : row  ? "\n"
                         : "",
                  t.type(row, column) == ValueType::missing ? "-" : t.text(row, column));
  return all;
}

/// What a reader says about a text that it refuses.
test::Failure refused_table(const std::string& text, std::initializer_list<std::string> parts) {
  return fails(ErrorCode::input, parts, [&] { table(text); });
}

}  // namespace

TEST_CASE("table: CSV with quotes, embedded line ends, byte order mark and CRLF") {
  const Table t =
      table("\xef\xbb\xbfkind,text\r\nham,\"one, two\r\nthree\"\r\nspam,\"say \"\"yes\"\"\"\r\n\r\nham,\r\n");
  CHECK(t.columns() == std::vector<std::string>{"kind", "text"});
  CHECK(shown(t) == "ham|one, two\r\nthree\nspam|say \"yes\"\nham|");
  CHECK(t.has_header());
  CHECK(t.column("text") == 1);
  CHECK(t.column("2") == 1);
  CHECK(t.where(1, 1) == "t, line 4, column 6 (text)");
  CHECK(t.where(2) == "t, line 6");
  CHECK(t.row_lines() == std::vector<int64_t>{2, 4, 6});
}

TEST_CASE("table: a header is recognised, asked for or refused") {
  CHECK(table("label\ttext\n1\tgood\n0\tbad\n").has_header());
  CHECK(!table("ham\tOk lar... Joking\nspam\tFree entry\n").has_header());
  CHECK(!table("ham\tyes\nham\tno\n").has_header());  // a name does not occur again in its column
  CHECK(!table("1,2\n3,4\n").has_header());
  CHECK(table("ham\tyes\nham\tno\n", {.columns = {"1", "yes"}}).has_header());
  CHECK(!table("1\tgood\n0\tbad\n", {.columns = {"1", "2"}}).has_header());  // numbers of columns, not names
  CHECK(!table("2,a b c d e,1\n1,f,2\n", {.columns = {"2", "3"}}).has_header());
  CHECK(table("7,text\n1,a\n", {.columns = {"7"}}).has_header());  // there is no column 7
  CHECK(table("ham\tyes\nham\tno\n", {.header = true}).columns()[1] == "yes");
  CHECK(table("label\ttext\n1\tgood\n", {.header = false}).rows() == 2);
  CHECK(table("label\ttext\n1\tgood\n", {.header = false}).columns()[1] == "2");
}

TEST_CASE("table: the delimiter follows from the content") {
  CHECK(shown(table("a;b\n1,5;2\n2,5;3\n")) == "1,5|2\n2,5|3");
  CHECK(shown(table("kind,text\nx,a;b\ny,c\n")) == "x|a;b\ny|c");
  CHECK(shown(table("ham\tone, two\nspam\tthree, four\n")) == "ham|one, two\nspam|three, four");
  CHECK(shown(table("text\na film\nanother one\n")) == "a film\nanother one");  // one column
}

TEST_CASE("table: quotes in TSV enclose fields only if all of them can") {
  CHECK(shown(table("a\t\"x\"\"y\"\nb\t\"z\"\n")) == "a|x\"y\nb|z");
  CHECK(shown(table("a\t\"x\" y\nb\t\"z\"\n")) == "a|\"x\" y\nb|\"z\"");
  CHECK(shown(table("k\tt\na\t\"one\ntwo\"\nb\tthree\n")) == "a|one\ntwo\nb|three");
  CHECK(shown(table("a\t\"one\nb\ttwo\"\n")) == "a|\"one\nb|two\"");  // even as it stands
  CHECK(shown(table("a\t\"open\nb\ttwo\n")) == "a|\"open\nb|two");
  // Quoted names are names even where quotes enclose nothing.
  const Table quoted = table("\"kind\"\t\"text\"\na\t\"x\" y\nb\tz\n");
  CHECK(quoted.columns() == std::vector<std::string>{"\"kind\"", "\"text\""});
  CHECK(shown(quoted) == "a|\"x\" y\nb|z");
  CHECK(!table("\"1\"\t\"2\"\na\t\"x\" y\nb\tz\n").has_header());
}

TEST_CASE("table: JSON and JSON Lines") {
  const std::string list =
      "[\n {\"label\": 1, \"text\": \"caf\\u00e9 \\\"x\\\"\"},\n {\"text\": \"y\", \"more\": [1, {\"a\": "
      "2}]}\n]\n";
  const Table t = table(list);
  CHECK(t.columns() == std::vector<std::string>{"label", "text", "more"});
  CHECK(t.rows() == 2);
  CHECK(t.text(0, 0) == "1");
  CHECK(t.type(0, 0) == ValueType::number);
  CHECK(t.text(0, 1) == "caf\xc3\xa9 \"x\"");
  CHECK(t.type(1, 0) == ValueType::missing);
  CHECK(t.json(1, 2) == "[1, {\"a\": 2}]");
  CHECK(t.where(0, 1) == "t, line 2, column 23 (text)");
  CHECK(t.where(1, 2) == "t, line 3, column 24 (more)");
  CHECK(fails(ErrorCode::input, {"t, line 3 (label): no value; expected text or a number"},
              [&] { t.text(1, 0); }));
  CHECK(fails(ErrorCode::input, {"t, line 3, column 24 (more): a list"}, [&] { t.text(1, 2); }));
  CHECK(fails(ErrorCode::input, {"t, line 2, column 12 (label): a number; expected a list"},
              [&] { t.json(0, 0); }));

  const Table lines = table("{\"a\": true, \"b\": null}\r\n\n  {\"b\":-1.5e3,\"a\":\"z\"}");
  CHECK(lines.rows() == 2);
  CHECK(lines.text(0, 0) == "true");
  CHECK(lines.type(0, 1) == ValueType::null);
  CHECK(lines.text(1, 1) == "-1.5e3");
  CHECK(lines.where(1, 1) == "t, line 3, column 8 (b)");
  CHECK(lines.where(1, 0) == "t, line 3, column 19 (a)");
  CHECK(table("{\"a\": {\"b\": [\"}\"]}, \"c\": 2}").json(0, 0) == "{\"b\": [\"}\"]}");
  CHECK(table("{}\n{\"a\": \"\\u0000\"}").text(1, 0) == std::string(1, '\0'));
}

TEST_CASE("table: a value of another type is refused by its type and place") {
  const Table t = table(R"({"a": null, "b": true, "c": {"d": 1}, "e": [1], "f": 1.5}
{"a": "x"})");
  const auto refused = [&](auto read, int64_t row, const char* column,
                           std::initializer_list<std::string> parts) {
    return fails(ErrorCode::input, parts, [&] { (void)(t.*read)(row, t.column(column)); });
  };
  CHECK(refused(&Table::text, 0, "a", {"t, line 1, column 7 (a): null; expected text or a number"}));
  CHECK(refused(&Table::text, 0, "c", {"(c): an object; expected text or a number"}));
  CHECK(refused(&Table::text, 0, "e", {"(e): a list; expected text or a number"}));
  CHECK(refused(&Table::text, 1, "b", {"t, line 2 (b): no value; expected text or a number"}));
  CHECK(refused(&Table::json, 0, "a", {"(a): null; expected a list or an object"}));
  CHECK(refused(&Table::json, 0, "b", {"(b): true or false; expected a list or an object"}));
  CHECK(refused(&Table::json, 0, "f", {"(f): a number; expected a list or an object"}));
  CHECK(refused(&Table::json, 1, "a", {"(a): a text; expected a list or an object"}));
  CHECK(t.text(0, t.column("b")) == "true");
  CHECK(t.json(0, t.column("c")) == R"({"d": 1})");
}

TEST_CASE("table: a wanted column that could be a number is a name only if no column has that number") {
  const auto columns = [](const char* wanted) {
    return table("0,1x,2\n3,4,5\n", {.columns = {wanted}}).columns();
  };
  const std::vector<std::string> named{"0", "1x", "2"}, numbered{"1", "2", "3"};
  CHECK(columns("0") == named);
  CHECK(columns("1x") == named);
  CHECK(columns("2") == numbered);
  CHECK(columns("4") == numbered);
}

TEST_CASE("table: broken tables are refused with file, line and column") {
  CHECK(refused_table("", {"t: is empty"}));
  CHECK(refused_table(" \n\n", {"t: is empty"}));
  CHECK(refused_table("\xef\xbb\xbf", {"t: is empty"}));
  CHECK(refused_table("a,b\n1,2\n1,2,3\n",
                      {"t, line 3, column 1: this row has 3 columns separated by commas; expected 2"}));
  CHECK(refused_table("a\tb\n1\t2\n1\n",
                      {"t, line 3, column 1: this row has 1 column separated by tabs; expected 2"}));
  CHECK(refused_table("a;b\n1;2\n1\n",
                      {"t, line 3, column 1: this row has 1 column separated by semicolons; expected 2"}));
  CHECK(test::contains(refused_table("a\tb\n1\t2\n1\t2\t3\n", {"has 3 columns separated by tabs"}).text,
                       "like the first row"));
  CHECK_FALSE(test::contains(refused_table("a\tb\n1\t2\n1\t2\t3\n", {"by tabs"}).text, "quotes"));
  CHECK(refused_table("a,b\n1,\"two\n", {"t, line 2, column 3: the quote that begins here is never closed"}));
  CHECK(
      refused_table("a,b\n\xc3\xa9,\"two\"x\n1,2\n", {"t, line 2, column 8: text follows a closing quote"}));
  CHECK(refused_table("a,b\n1,caf\xe9\n", {"t, line 2, column 6: the byte 233 is not UTF-8", "LATIN1"}));
  CHECK(refused_table(std::string("a,b\n1,\0\n", 8), {"t, line 2, column 3: a NUL byte", "UTF-16"}));
  for (const char* empty : {"{}", "{\r\r}\n{}\n", "[{}, {}]"})
    CHECK(refused_table(empty, {"t: its objects are all empty"}));
  CHECK(fails(ErrorCode::input, {"t: has a header but no row"}, [] { table("a,b\n", {.header = true}); }));
}

TEST_CASE("table: broken JSON is refused with file, line and column") {
  CHECK(refused_table("[{\"a\": 1},\n {\"a\": ", {"t, line 2, column 7: ", "unexpected end of input"}));
  CHECK(refused_table("{\"a\": 1}\n{\"a\": 1", {"t, line 2, column 7: ", "unexpected end of input"}));
  CHECK(refused_table("{\"a\": 1}\n{\"a\": 1} 2\n", {"t, line 2, column 10: "}));
  CHECK(refused_table("{\"a\": 1}\n[2]\n", {"t, line 2, column 1: a list in place of a row"}));
  CHECK(refused_table("[\n{\"a\": 1}, 2]", {"t, line 2, column 11: a number in place of a row"}));
  CHECK(refused_table("[\n]", {"t: contains no row"}));
  CHECK(refused_table("[[1, 2]]", {"t, line 1, column 2: a list in place of a row"}));
  CHECK(refused_table("[\"a\"]", {"t, line 1, column 2: a text in place of a row"}));
  CHECK(refused_table("[{\"a\": 1, \"a\": 2}]", {"t, line 1, column 11: the key \"a\" occurs twice"}));
  CHECK(refused_table("{\"a\": 1e999}\n", {"t, line 1, column ", "number overflow"}));
  CHECK(refused_table("{'a': 1}\n", {"t, line 1, column 2: "}));
  CHECK(refused_table("{\"a\": " + std::string(100'000, '['),
                      {"t, line 1, column 70: the JSON is nested more than 64"}));
  CHECK(refused_table(std::string(1'000'000, '['), {"t, line 1, column 2: a list in place of a row"}));
}

TEST_CASE("table: a line of 1 MB and a million columns are read") {
  const std::string line(1 << 20, 'x');
  CHECK(table("k,t\na," + line + "\n").text(0, 1).size() == line.size());
  CHECK(table("{\"t\": \"" + line + "\"}").text(0, 0).size() == line.size());
  std::string wide, names = "c0";
  for (int i = 1; i < 1'000'000; ++i) names += ",c" + std::to_string(i), wide += ",";
  const Table t = table(names + "\n1" + wide + "\n", {.header = true});
  CHECK(std::ssize(t.columns()) == 1'000'000);
  CHECK(t.column("c999999") == 999'999);
  CHECK(refused_table(names + "\n1,2\n1,2\n", {"line 2, column 1: this row has 2 columns"}));
  std::string keys = "{";
  for (int i = 0; i < 100'000; ++i) keys += join(i ? "," : "", "\"c", i, "\":1");
  CHECK(std::ssize(table(keys + "}\n{\"c5\": 7}\n").columns()) == 100'000);
}

TEST_CASE("table: an unknown column lists those that there are") {
  const Table named = table("kind,text,text\n1,a,b\n2,c,d\n", {.header = true}), bare = table("1,2\n3,4\n");
  CHECK(fails(ErrorCode::usage, {"t: has no column message; its columns are kind, text"},
              [&] { named.column("message"); }));
  CHECK(fails(ErrorCode::usage, {"two columns are called text"}, [&] { named.column("text"); }));
  CHECK(fails(ErrorCode::usage, {"no header, so give a number from 1 to 2"}, [&] { bare.column("text"); }));
  CHECK(fails(ErrorCode::usage, {"no column 3"}, [&] { bare.column("3"); }));
  CHECK(fails(ErrorCode::usage, {"no column 0"}, [&] { bare.column("0"); }));
  CHECK(named.column("3") == 2);
}

// Quotes in the middle of texts, entities, and bytes that look like columns of other formats.
TEST_CASE("table: messages as in the SMS collection, without a header and with quotes of their own") {
  const Table t =
      table("ham\tI said \"no\", ok? &lt;#&gt;\nspam\tWIN, now; call 0800\nham\tHer \"name\n", {});
  CHECK(t.rows() == 3);
  CHECK(!t.has_header());
  CHECK(t.text(1, 0) == "spam");
  CHECK(t.text(2, 1) == "Her \"name");
  const auto real = test::shared_root() / "data/sms-spam/SMSSpamCollection.tsv";
  if (!exists(real)) return;
  const Table all = open_table(real.string());
  CHECK(all.rows() == 5574);
  int64_t spam = 0;
  for (int64_t row = 0; row < all.rows(); ++row) spam += all.text(row, 0) == "spam";
  CHECK(spam == 747);
}

// ---- writing back ----------------------------------------------------------------------------------------

namespace {

std::string rewritten(const std::string& text, const std::vector<std::string>& columns,
                      const std::vector<std::vector<std::string>>& values, const TableOptions& options = {}) {
  const Table t = table(text, options);
  TableWriter writer(t, columns);
  std::string all;
  for (const auto& row : values) all += writer.row(row);
  return all + writer.rest();
}

}  // namespace

TEST_CASE("table: comes back as it was, with columns added") {
  CHECK(rewritten("\xef\xbb\xbfk,t\r\n1,\"a\r\nb\"\r\n\r\n2,c", {"label", "p"},
                  {{"x,y", "0.5"}, {"say \"z\"", "1"}}) ==
        "\xef\xbb\xbfk,t,label,p\r\n1,\"a\r\nb\",\"x,y\",0.5\r\n\r\n2,c,\"say \"\"z\"\"\",1");
  CHECK(rewritten("a\t\"x\" y\nb\tz\n", {"label"}, {{"\"q"}, {"r"}}) == "a\t\"x\" y\t\"q\nb\tz\tr\n");
  CHECK(fails(ErrorCode::input, {"cannot be written to this table"},
              [] { rewritten("a\t\"x\" y\nb\tz\n", {"label"}, {{"q\tr"}}); }));
  CHECK(rewritten("[\n {\"t\": \"a\" },\n {}\n]\n", {"label", "p"}, {{"x", "0.5"}, {"007", "-1e3"}}) ==
        "[\n {\"t\": \"a\", \"label\": \"x\", \"p\": 0.5 },\n {\"label\": \"007\", \"p\": -1e3}\n]\n");
  CHECK(rewritten("{\"t\": [1]}\n", {"label"}, {{"\"x\""}}) == "{\"t\": [1], \"label\": \"\\\"x\\\"\"}\n");
  const Table t = table("1,2\n3,4\n");
  TableWriter writer(t, {"x"});
  CHECK(fails(ErrorCode::usage, {"needs 1 added values, not 2"}, [&] { writer.row({"a", "b"}); }));
}

}  // namespace hewn
