// Texts: tokenizers, tables, JSON, YAML and TOML.

#include <algorithm>
#include <cstdint>

#include "tests/fuzz/bounds/families.h"

namespace hewn::test {
namespace {

using namespace std::string_literals;

// ---- JSON, in every reader that parses it -------------------------------------------------------------------

std::string nested(size_t bytes) { return std::string(bytes / 2, '[') + std::string(bytes / 2, ']'); }

const std::string byte_level =
    R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";

std::vector<AddFamily> json_families() {
  std::vector<AddFamily> all;
  for (const char* reader : {"tokenizer_json", "huggingface_config", "safetensors_index", "model_config",
                             "adapter_config", "task", "sweep_definition", "sweep_result", "judge_answer",
                             "judge_reply", "table", "talks", "preferences", "eval_task"}) {
    all.emplace_back(reader, "deeply nested lists", nested);
    all.emplace_back(reader, "deeply nested objects",
                     [](size_t bytes) { return repeated(bytes, "{\"a\":"); });
    all.emplace_back(reader, "an object of many keys", [](size_t bytes) {
      return "{" + parts(bytes - 10, [](size_t i) { return "\"" + name_of_number(i) + "\":1,"; }) + "\"\":1}";
    });
    all.emplace_back(reader, "a list of numbers",
                     [](size_t bytes) { return "[" + repeated(bytes - 10, "1,") + "1]"; });
    all.emplace_back(reader, "a list of empty objects",
                     [](size_t bytes) { return "[" + repeated(bytes - 10, "{},") + "{}]"; });
    all.emplace_back(reader, "a long number", [](size_t bytes) { return std::string(bytes, '1'); });
    all.emplace_back(reader, "a long string",
                     [](size_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; });
    all.emplace_back(reader, "blanks", [](size_t bytes) { return std::string(bytes, ' '); });
  }
  return all;
}
const std::vector<AddFamily> all_json = json_families();

const AddFamily signs_of_reply("judge_reply", "signs", [](size_t bytes) { return repeated(bytes, "(:"); });
const AddFamily scales_of_reply("judge_reply", "fillers behind a scale",
                                [](size_t bytes) { return "scale" + repeated(bytes - 5, " a a a 10"); });

// ---- tokenizers ---------------------------------------------------------------------------------------------

const AddFamily deep_part("tokenizer_json", "a deeply nested pre_tokenizer", [](size_t bytes) {
  return R"({"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":)" + nested(bytes - 60) + "}";
});

const AddFamily deep_added("tokenizer_json", "deeply nested added_tokens", [](size_t bytes) {
  return R"({"model":{"type":"BPE","vocab":{},"merges":[]},)" + byte_level + R"(,"added_tokens":)" +
         nested(bytes - 140) + "}";
});

/// GPT-2's file with a token per byte and these tokens and merges.
std::string gpt2_tokenizer(const std::string& tokens, const std::string& merges) {
  std::string bytes;
  size_t id = 0;
  const auto character = [](uint32_t code) {
    std::string text;
    if (code < 0x80) return text += static_cast<char>(code);
    text += static_cast<char>(0xc0 | code >> 6);
    return text += static_cast<char>(0x80 | (code & 0x3f));
  };
  for (uint32_t byte = 0, more = 0; byte < 256; ++byte) {
    const bool shown = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const std::string text = character(shown ? byte : 256 + more++);
    bytes += "\"" + (text == "\"" || text == "\\" ? "\\" + text : text) + "\":" + std::to_string(id++) + ",";
  }
  return "{" + byte_level + R"(,"model":{"type":"BPE","merges":[)" + merges + R"(],"vocab":{)" + bytes +
         tokens + R"("ab":256}}})";
}

const AddFamily vocabulary("tokenizer_json", "byte pairs: many tokens", [](size_t bytes) {
  return gpt2_tokenizer(
      parts(bytes - 3000,
            [](size_t i) { return "\"" + name_of_number(i) + "_\":" + std::to_string(i + 257) + ","; }),
      "");
});

const AddFamily merges("tokenizer_json", "byte pairs: many equal merges", [](size_t bytes) {
  return gpt2_tokenizer("", repeated(bytes - 3000, "\"a b\",") + "\"a b\"");
});

const AddFamily merge_pairs("tokenizer_json", "byte pairs: many equal merges as pairs", [](size_t bytes) {
  return gpt2_tokenizer("", repeated(bytes - 3000, "[\"a\",\"b\"],") + "\"a b\"");
});

const AddFamily one_right("tokenizer_json", "byte pairs: many merges with one token", [](size_t bytes) {
  std::string tokens, pairs;
  for (size_t i = 0, id = 257; tokens.size() + pairs.size() + 3100 < bytes; ++i) {
    const std::string left = name_of_number(i + 26);
    tokens += "\"" + left + "_\":" + std::to_string(id++) + ",";
    tokens += "\"" + left + "_!\":" + std::to_string(id++) + ",";
    pairs += "\"" + left + "_ !\",";
  }
  return gpt2_tokenizer(tokens, pairs + "\"a b\"");
});

const AddFamily far_ids("tokenizer_json", "ids that are multiples of a prime", [](size_t bytes) {
  // The sizes of libstdc++'s hash tables; the largest below the number of entries of this size.
  constexpr uint64_t sizes[] = {13,   29,   59,    127,   257,   541,   1109,
                                2357, 5087, 10273, 20753, 42043, 85229, 172933};
  const size_t entries = bytes / 24;
  uint64_t prime = 1;
  for (const uint64_t size : sizes)
    if (size < entries) prime = size;
  return "{" + byte_level + R"(,"model":{"type":"BPE","merges":[],"vocab":{)" +
         parts(bytes - 200,
               [&](size_t i) {
                 return "\"" + name_of_number(i) + "\":" + std::to_string(prime * (i + 1)) + ",";
               }) +
         R"("last":0}}})";
});

const AddFamily words("tokenizer_json", "many words", [](size_t bytes) {
  return R"({"format":"hewn-tokenizer","version":1,"kind":"word","vocab":["<|unk|>")" +
         parts(bytes - 100, [](size_t i) { return ",\"" + name_of_number(i) + "\""; }) + "]}";
});

const AddFamily long_word("tokenizer_json", "a long character", [](size_t bytes) {
  return R"({"format":"hewn-tokenizer","version":1,"kind":"char","vocab":[")" + std::string(bytes, 'x') +
         "\"]}";
});

const AddFamily long_regex("tokenizer_json", "a long wrong token", [](size_t bytes) {
  return R"({"format":"hewn-tokenizer","version":1,"kind":"regex","vocab":[")" + repeated(bytes, "x ") +
         R"(","<|endoftext|>","<|unk|>"]})";
});

const AddFamily long_twice("tokenizer_json", "a long word twice", [](size_t bytes) {
  const std::string word = "\"" + std::string(bytes / 2 - 60, 'x') + "\"";
  return R"({"format":"hewn-tokenizer","version":1,"kind":"word","vocab":[)" + word + "," + word + "]}";
});

const AddFamily long_kind("tokenizer_json", "a long name of a kind", [](size_t bytes) {
  return R"({"format":"hewn-tokenizer","version":1,"kind":")" + std::string(bytes - 60, 'x') + "\"}";
});

const AddFamily long_version("tokenizer_json", "a long version", [](size_t bytes) {
  return R"({"format":"hewn-tokenizer","version":")" + std::string(bytes - 60, 'x') + "\"}";
});

const AddFamily long_type("tokenizer_json", "a long type of a model", [](size_t bytes) {
  return "{" + byte_level + R"(,"model":{"type":")" + std::string(bytes - 200, 'x') + "\"}}";
});

const AddFamily long_merge("tokenizer_json", "a long merge", [](size_t bytes) {
  return gpt2_tokenizer("", "\"" + std::string(bytes - 3000, 'x') + "\"");
});

const AddFamily missing_merge("tokenizer_json", "a merge of a long token that is missing", [](size_t bytes) {
  return gpt2_tokenizer("", "\"a " + std::string(bytes - 3000, 'x') + "\"");
});

const AddFamily long_id("tokenizer_json", "one id for two long tokens", [](size_t bytes) {
  const std::string text(bytes / 2 - 2000, 'x');
  return gpt2_tokenizer("\"" + text + "\":256,\"" + text + "y\":256,", "");
});

/// Every text of a and b up to some length, so that every cut of every piece is two pieces.
std::string binary_text(size_t i) {
  std::string text;
  for (size_t bits = i + 2; bits > 1; bits /= 2) text += bits % 2 ? 'a' : 'b';
  return text;
}

std::string llama2c_piece(float score, const std::string& text) {
  return bytes_of(score) + bytes_of(static_cast<int32_t>(text.size())) + text;
}

const AddFamily all_cuts("tokenizer_llama2c", "every cut of every piece", [](size_t bytes) {
  std::string file =
      bytes_of(uint32_t{27}) + llama2c_piece(0, "<unk>") + llama2c_piece(0, "<s>") + llama2c_piece(0, "</s>");
  for (int byte = 0; byte < 256; ++byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    file += llama2c_piece(
        0, "<0x"s + digits[static_cast<size_t>(byte / 16)] + digits[static_cast<size_t>(byte % 16)] + ">");
  }
  return file + parts(bytes - std::min(bytes, file.size()),
                      [](size_t i) { return llama2c_piece(-static_cast<float>(i), binary_text(i)); });
});

const AddFamily long_pieces("tokenizer_llama2c", "pieces of 256 bytes", [](size_t bytes) {
  return bytes_of(uint32_t{256}) + parts(bytes - 4, [](size_t i) {
           std::string text = name_of_number(i);
           text.resize(256, 'x');
           return llama2c_piece(0, text);
         });
});

const AddFamily short_pieces("tokenizer_llama2c", "empty pieces", [](size_t bytes) {
  return bytes_of(uint32_t{0}) + std::string(bytes - 4, '\0');
});

const AddFamily gpt2_merges("tokenizer_gpt2", "many equal merges", [](size_t bytes) {
  const std::string file = gpt2_tokenizer("", "");
  const size_t begin = file.find("{\"\u0100") == file.npos ? file.rfind("\"vocab\":{") + 8 : 0;
  return file.substr(begin, file.size() - begin - 2) + "\0"s + repeated(bytes - 3000, "a b\n");
});

// ---- tables -------------------------------------------------------------------------------------------------

AddFamily table_family(std::string_view name, const std::string& part, const std::string& first = "",
                       const std::string& last = "") {
  return {"table", name,
          [=](size_t bytes) { return first + repeated(bytes - first.size() - last.size(), part) + last; }};
}

const AddFamily tables[] = {
    table_family("CSV of one column", "a\n"),
    // Not among them: one row of empty columns, each of which takes a name, a place and a value for one byte.
    table_family("TSV of two columns", "\t\n"),
    table_family("CSV of two columns", ",\n"),
    table_family("quoted fields", "\"\",\"\"\n"),
    table_family("doubled quotes", "\"\"\"\",\n"),
    table_family("TSV with quotes", "\"\"\t\n"),
    table_family("TSV with one quote", "a\ta\n", "\"\t\n"),
    table_family("an open quote", "\"\"", "a,\""),
    table_family("empty lines", "\n", "a,b\n"),
    table_family("rows that end with a wrong one", "a,b\n", "", "a\n"),
    table_family("JSON Lines", "{\"a\":1}\n"),
    table_family("JSON Lines of escapes", "{\"a\":\"\\n\"}\n"),
    table_family("JSON Lines of empty objects", "{}\n", "{\"a\":1}\n"),
    table_family("JSON of one key", "{\"a\":1},", "[", "{\"a\":1}]"),
    table_family("JSON of empty objects", "{},", "[", "{\"a\":1}]"),
    table_family("JSON with a deep value", "[", "[{\"a\":"),
};

const AddFamily new_keys("table", "JSON Lines, each with a key of its own", [](size_t bytes) {
  return parts(bytes, [](size_t i) { return "{\"" + name_of_number(i) + "\":1}\n"; });
});

const AddFamily long_key("table", "a long key twice", [](size_t bytes) {
  const std::string key = "\"" + std::string(bytes / 2 - 20, 'x') + "\":1";
  return "{" + key + "," + key + "}";
});

const AddFamily eval_rows("eval_task", "many rows", [](size_t bytes) {
  return repeated(bytes, R"({"context":"a","continuation":"b"})"
                         "\n");
});

const AddFamily braces("table_structure", "closing braces in a string",
                       [](size_t bytes) { return "[{\"a\":\"" + std::string(bytes - 20, '}') + "\"}]"; });

const AddFamily open_braces("table_structure", "objects in objects", [](size_t bytes) {
  return "[" + repeated(bytes / 2 - 10, "{\"a\":") + "1" + std::string(bytes / 2 / 5, '}') + "]";
});

const AddFamily key_lines("table_structure", "lines of many keys", [](size_t bytes) {
  const std::string keys =
      "{" +
      parts(std::min<size_t>(bytes / 2, 30000), [](size_t i) { return "\"" + name_of_number(i) + "\":1,"; }) +
      "\"\":1}\n";
  return repeated(bytes, keys);
});

// ---- lists of tasks, manifests ------------------------------------------------------------------------------

const AddFamily yaml_tasks("core_yaml", "many empty tasks",
                           [](size_t bytes) { return "icl_tasks:\n" + repeated(bytes - 20, "-\n"); });

const AddFamily yaml_keys("core_yaml", "a task of many keys", [](size_t bytes) {
  return "icl_tasks:\n-\n" + parts(bytes - 20, [](size_t i) { return name_of_number(i) + ":\n"; });
});

const AddFamily yaml_full("core_yaml", "many tasks", [](size_t bytes) {
  return "icl_tasks:\n" + repeated(bytes - 20,
                                   "- label: a\n  dataset_uri: a\n  num_fewshot: [0]\n"
                                   "  icl_task_type: schema\n");
});

const AddFamily yaml_text("core_yaml", "a long value", [](size_t bytes) {
  return "icl_tasks:\n- num_fewshot: " + std::string(bytes - 30, '1') + "\n";
});

const AddFamily yaml_bad("core_yaml", "a long wrong value", [](size_t bytes) {
  return "icl_tasks:\n- num_fewshot: [" + std::string(bytes - 30, ',') + "\n";
});

const AddFamily many_files("manifest", "many files", [](size_t bytes) {
  return parts(bytes, [](size_t i) { return "0000000000000000 0 " + name_of_number(i) + "\n"; });
});

const AddFamily long_file("manifest", "a long name",
                          [](size_t bytes) { return "0000000000000000 0 " + std::string(bytes - 20, 'x'); });

// ---- TOML ---------------------------------------------------------------------------------------------------

AddFamily toml_family(std::string_view name, const std::string& part, const std::string& first = "",
                      const std::string& last = "") {
  return {"config_toml", name,
          [=](size_t bytes) { return first + repeated(bytes - first.size() - last.size(), part) + last; }};
}

const AddFamily tomls[] = {
    toml_family("a deep dotted key", "a.", "", "a=1"),
    toml_family("a deep table", "a.", "[", "a]"),
    toml_family("a deep inline table", "a={", "a={"),
    toml_family("nested lists", "[", "a="),
    toml_family("a list of lists", "[],", "a=[", "]"),
    toml_family("a list of numbers", "1,", "a=[", "]"),
    toml_family("a list of empty strings", "'',", "a=[", "]"),
    toml_family("a list of tables", "{},", "a=[", "]"),
    toml_family("tables in a list", "[[a]]\n"),
    toml_family("a long string", "x", "a=\"", "\""),
    toml_family("a string of escapes", "\\n", "a=\"", "\""),
    toml_family("a long number", "1", "a="),
    toml_family("a long key", "x", "", "=1"),
    toml_family("a comment", "x", "#"),
    toml_family("comments", "#\n"),
    toml_family("non-ASCII text", "\u00e9", "a=\"", "\""),
};

const AddFamily toml_keys("config_toml", "many keys", [](size_t bytes) {
  return parts(bytes, [](size_t i) { return name_of_number(i) + "=1\n"; });
});

const AddFamily toml_tables("config_toml", "many tables", [](size_t bytes) {
  return parts(bytes, [](size_t i) { return "[" + name_of_number(i) + "]\n"; });
});

const AddFamily toml_dotted("config_toml", "many dotted keys", [](size_t bytes) {
  return parts(bytes, [](size_t i) { return name_of_number(i) + ".a.a=1\n"; });
});

}  // namespace
}  // namespace hewn::test
