// Files of weights: safetensors, GGUF, pickles and PyTorch's archives, llama2.c.

#include <algorithm>
#include <cstdint>

#include "tests/fuzz/bounds/families.h"

namespace hewn::test {
namespace {

using namespace std::string_literals;

// ---- safetensors --------------------------------------------------------------------------------------------

std::string safetensors_of(const std::string& header) { return bytes_of<uint64_t>(header.size()) + header; }

const AddFamily tensors("safetensors", "many empty tensors", [](size_t bytes) {
  return safetensors_of("{" +
                        parts(bytes - 100,
                              [](size_t i) {
                                return "\"" + name_of_number(i) +
                                       R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
                              }) +
                        R"("last":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
});

const AddFamily unsupported("safetensors", "many tensors of an unsupported type", [](size_t bytes) {
  return safetensors_of("{" +
                        parts(bytes - 100,
                              [](size_t i) {
                                return "\"" + name_of_number(i) +
                                       R"(":{"dtype":"U32","shape":[0],"data_offsets":[0,0]},)";
                              }) +
                        R"("last":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
});

const AddFamily metadata("safetensors", "many keys of metadata", [](size_t bytes) {
  return safetensors_of(R"({"__metadata__":{)" +
                        parts(bytes - 60, [](size_t i) { return "\"" + name_of_number(i) + "\":\"\","; }) +
                        R"("":""}})");
});

const AddFamily long_name("safetensors", "a long name", [](size_t bytes) {
  return safetensors_of("{\"" + std::string(bytes - 100, 'x') +
                        R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
});

const AddFamily broken_name("safetensors", "a long name of a broken tensor", [](size_t bytes) {
  return safetensors_of("{\"" + std::string(bytes - 100, 'x') +
                        R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,0]}})");
});

const AddFamily long_dtype("safetensors", "a long name of a type", [](size_t bytes) {
  return safetensors_of(R"({"a":{"dtype":")" + std::string(bytes - 100, 'x') +
                        R"(","shape":[0],"data_offsets":[0,0]}})");
});

const AddFamily depth("safetensors", "deep nesting",
                      [](size_t bytes) { return safetensors_of(repeated(bytes - 8, "{\"a\":")); });

const AddFamily long_shape("safetensors", "a long shape", [](size_t bytes) {
  return safetensors_of(R"({"a":{"dtype":"U8","data_offsets":[0,0],"shape":[)" + repeated(bytes - 100, "0,") +
                        "0]}}");
});

// ---- GGUF ---------------------------------------------------------------------------------------------------

std::string gguf_text(const std::string& text) { return bytes_of<uint64_t>(text.size()) + text; }

std::string gguf_file(size_t tensors, size_t keys, const std::string& rest) {
  return "GGUF" + bytes_of<uint32_t>(3) + bytes_of<uint64_t>(tensors) + bytes_of<uint64_t>(keys) + rest;
}

std::string gguf_list(uint32_t type, size_t n, const std::string& values) {
  return bytes_of<uint32_t>(9) + bytes_of(type) + bytes_of<uint64_t>(n) + values;
}

const AddFamily gguf_keys("gguf", "many keys", [](size_t bytes) {
  size_t n = 0;
  const std::string keys = parts(bytes - 24, [&](size_t i) {
    n = i;
    return gguf_text(name_of_number(i)) + bytes_of<uint32_t>(7) + "\1";
  });
  return gguf_file(0, n, keys);
});

const AddFamily gguf_key_lists("gguf", "many empty lists", [](size_t bytes) {
  size_t n = 0;
  const std::string keys = parts(bytes - 24, [&](size_t i) {
    n = i;
    return gguf_text(name_of_number(i)) + gguf_list(8, 0, "");
  });
  return gguf_file(0, n, keys);
});

const AddFamily gguf_tensors("gguf", "many tensors of one number", [](size_t bytes) {
  const std::string key = gguf_text("general.alignment") + bytes_of<uint32_t>(4) + bytes_of<uint32_t>(8);
  std::string file = key;
  size_t n = 0;
  for (; file.size() + (n + 2) * 8 + 60 < bytes; ++n)
    file += gguf_text(name_of_number(n)) + bytes_of<uint32_t>(0) + bytes_of<uint32_t>(24) +
            bytes_of<uint64_t>(8 * n);
  file = gguf_file(n, 1, file);
  file.resize((file.size() + 7) / 8 * 8 + 8 * n);
  return file;
});

const AddFamily gguf_texts("gguf", "a list of empty strings", [](size_t bytes) {
  const size_t n = (bytes - 100) / 8;
  return gguf_file(0, 1, gguf_text("a") + gguf_list(8, n, std::string(8 * n, '\0')));
});

const AddFamily gguf_long_text("gguf", "a long string", [](size_t bytes) {
  return gguf_file(0, 1, gguf_text("a") + bytes_of<uint32_t>(8) + gguf_text(std::string(bytes - 100, 'x')));
});

const AddFamily gguf_long_names("gguf", "a long name, given twice", [](size_t bytes) {
  const std::string key = gguf_text(std::string(bytes / 2 - 100, 'x')) + bytes_of<uint32_t>(7) + "\1";
  return gguf_file(0, 2, key + key);
});

/// A GPT-2 of one number per matrix, with these keys of its tokenizer.
std::string gguf_gpt2(size_t tokens, size_t more_keys, const std::string& more) {
  const auto number = [](const std::string& key, uint32_t value) {
    return gguf_text("gpt2." + key) + bytes_of<uint32_t>(4) + bytes_of(value);
  };
  const std::string keys = gguf_text("general.architecture") + bytes_of<uint32_t>(8) + gguf_text("gpt2") +
                           number("context_length", 1) + number("block_count", 0) +
                           number("attention.head_count", 1) + number("embedding_length", 1) +
                           gguf_text("gpt2.attention.layer_norm_epsilon") + bytes_of<uint32_t>(6) +
                           bytes_of(1e-5f) + more;
  std::string file =
      gguf_file(1, 6 + more_keys,
                keys + gguf_text("token_embd.weight") + bytes_of<uint32_t>(2) + bytes_of<uint64_t>(1) +
                    bytes_of<uint64_t>(tokens) + bytes_of<uint32_t>(24) + bytes_of<uint64_t>(0));
  file.resize((file.size() + 31) / 32 * 32 + tokens);
  return file;
}

std::string gguf_kind(const char* kind) {
  return gguf_text("tokenizer.ggml.model") + bytes_of<uint32_t>(8) + gguf_text(kind);
}

const AddFamily gguf_vocabulary("gguf_model", "a vocabulary of short tokens", [](size_t bytes) {
  size_t n = 0;
  const std::string tokens = parts(bytes / 2, [&](size_t i) {
    n = i;
    return gguf_text(name_of_number(i));
  });
  return gguf_gpt2(n, 2, gguf_kind("gpt2") + gguf_text("tokenizer.ggml.tokens") + gguf_list(8, n, tokens));
});

const AddFamily gguf_escaped("gguf_model", "a vocabulary of control characters", [](size_t bytes) {
  size_t n = 0;
  const std::string tokens = parts(bytes / 2, [&](size_t i) {
    n = i;
    return gguf_text(std::string(1 + i / 8, '\1') + static_cast<char>(1 + i % 8));
  });
  return gguf_gpt2(n, 2, gguf_kind("gpt2") + gguf_text("tokenizer.ggml.tokens") + gguf_list(8, n, tokens));
});

const AddFamily gguf_merges("gguf_model", "many equal merges", [](size_t bytes) {
  const size_t n = (bytes - 1000) / 11;
  return gguf_gpt2(3, 3,
                   gguf_kind("gpt2") + gguf_text("tokenizer.ggml.tokens") +
                       gguf_list(8, 3, gguf_text("a") + gguf_text("b") + gguf_text("ab")) +
                       gguf_text("tokenizer.ggml.merges") +
                       gguf_list(8, n, repeated(11 * n, gguf_text("a b"))));
});

const AddFamily gguf_own_words("gguf_model", "a tokenizer of Hewn's own with many words", [](size_t bytes) {
  const std::string words = parts(bytes - 1000, [](size_t i) { return ",\"" + name_of_number(i) + "\""; });
  return gguf_gpt2(
      1, 1,
      gguf_text("hewn.tokenizer") + bytes_of<uint32_t>(8) +
          gguf_text(R"({"format":"hewn-tokenizer","version":1,"kind":"word","vocab":["<|unk|>")" + words +
                    "]}"));
});

// ---- pickles ------------------------------------------------------------------------------------------------

std::string pickle_of(const std::string& code) { return "\x80\2" + code + "."; }

AddFamily pickle_family(std::string_view name, const std::string& instructions, const std::string& first = "",
                        const std::string& last = "") {
  return {"pickle", name, [=](size_t bytes) {
            return pickle_of(first + repeated(bytes - first.size() - last.size() - 3, instructions) + last);
          }};
}

const AddFamily pickles[] = {
    pickle_family("many values", "N"),
    pickle_family("many values, stored", "N\x94"),
    pickle_family("many marks", "("),
    pickle_family("many lists", "]"),
    pickle_family("many dicts", "}"),
    pickle_family("nested tuples", "\x85", ")"),
    pickle_family("nested lists", "](e"),
    pickle_family("tuples of tuples, doubling", "h\0h\0\x86q\0"s, ")q\0"s),
    pickle_family("one value recalled often", "h\0"s, ")q\0("s, "t"),
    pickle_family("a list that doubles itself", "h\0h\0\x86q\0"s, "]q\0"s),
    pickle_family("a dict of one key", "h\0h\0"s, "}X\1\0\0\0aq\0("s, "u"),
    pickle_family("many short strings", "\x8c\1a"),
    pickle_family("many calls", "h\0)R"s, "ccollections\nOrderedDict\nq\0"s),
    pickle_family("many frames", "\x95\0\0\0\0\0\0\0\0"s),
    pickle_family("many globals", "ctorch\nByteStorage\n"),
    pickle_family("many tensors of one storage", "h\0h\1R"s,
                  "ctorch._utils\n_rebuild_tensor_v2\nq\0("
                  "(X\7\0\0\0storagectorch\nByteStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpuK\1tQK\0))\x89NNtq\1"s),
};

const AddFamily pickle_text("pickle", "a long string", [](size_t bytes) {
  return pickle_of("X" + bytes_of(static_cast<uint32_t>(bytes)) + std::string(bytes, 'x'));
});
const AddFamily pickle_name("pickle", "a long name of a global",
                            [](size_t bytes) { return pickle_of("c" + std::string(bytes, 'x') + "\ny\n"); });
const AddFamily pickle_memo("pickle", "a large number in the memo", [](size_t bytes) {
  return pickle_of("Nr" + bytes_of(uint32_t{999'999}) + repeated(bytes, "N0"));
});

const AddFamily characters("meta_pkl", "many characters", [](size_t bytes) {
  return pickle_of("}X\4\0\0\0itos}("s +
                   parts(bytes - 30,
                         [](size_t i) {
                           const auto code = static_cast<uint32_t>(i < 0xd000 ? i + 0x80 : i + 0x1000);
                           std::string text;
                           if (code < 0x800) {
                             text += static_cast<char>(0xc0 | code >> 6);
                           } else if (code < 0x10000) {
                             text += static_cast<char>(0xe0 | code >> 12);
                             text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
                           } else {
                             text += static_cast<char>(0xf0 | code >> 18);
                             text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
                             text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
                           }
                           text += static_cast<char>(0x80 | (code & 0x3f));
                           const std::string id = i < 256     ? "K" + bytes_of(static_cast<uint8_t>(i))
                                                  : i < 65536 ? "M" + bytes_of(static_cast<uint16_t>(i))
                                                              : "J" + bytes_of(static_cast<uint32_t>(i));
                           return id + "\x8c" + static_cast<char>(text.size()) + text;
                         }) +
                   "us");
});
const AddFamily long_character("meta_pkl", "a long character", [](size_t bytes) {
  return pickle_of("}X\4\0\0\0itos}K\0X"s + bytes_of(static_cast<uint32_t>(bytes)) + std::string(bytes, 'x') +
                   "ss");
});

// ---- PyTorch's archives -------------------------------------------------------------------------------------

std::string zip_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive, directory;
  for (const auto& [name, content] : files) {
    const auto size = bytes_of(static_cast<uint32_t>(content.size()));
    const std::string common = "\0\0\0\0\0\0\0\0\0\0"s + "\0\0\0\0"s + size + size +
                               bytes_of(static_cast<uint16_t>(name.size())) + "\0\0"s;
    directory += "PK\1\2\0\0"s + common + std::string(10, '\0') +
                 bytes_of(static_cast<uint32_t>(archive.size())) + name;
    archive += "PK\3\4"s + common + name + content;
  }
  const auto n = bytes_of(static_cast<uint16_t>(std::min<size_t>(files.size(), 65535)));
  return archive + directory + "PK\5\6\0\0\0\0"s + n + n + bytes_of(static_cast<uint32_t>(directory.size())) +
         bytes_of(static_cast<uint32_t>(archive.size())) + "\0\0"s;
}

const std::string one_tensor =
    "ctorch._utils\n_rebuild_tensor_v2\n("
    "(X\7\0\0\0storagectorch\nByteStorage\nX\1\0\0\0"
    "0X\3\0\0\0cpuK\1tQK\0))\x89NNtRq\1"s;

const AddFamily state_dict("torch", "many tensors of one storage", [](size_t bytes) {
  return zip_of({{"a/data.pkl", pickle_of("}(X\1\0\0\0a"s + one_tensor +
                                          parts(bytes - 500,
                                                [](size_t i) {
                                                  const std::string name = name_of_number(i + 26);
                                                  return "\x8c" +
                                                         std::string(1, static_cast<char>(name.size())) +
                                                         name + "h\1";
                                                }) +
                                          "u")},
                 {"a/data/0", "x"}});
});
const AddFamily one_name("torch", "a long name, often", [](size_t bytes) {
  return zip_of({{"a/data.pkl",
                  pickle_of("}(X" + bytes_of(static_cast<uint32_t>(bytes / 2)) + std::string(bytes / 2, 'x') +
                            "q\0"s + one_tensor + repeated(bytes / 2 - 500, "h\0h\1"s) + "u")},
                 {"a/data/0", "x"}});
});
const AddFamily long_folder("torch", "a long name of the folder", [](size_t bytes) {
  const std::string folder(std::min<size_t>(bytes / 8, 60000), 'x');
  return zip_of({{folder + "/data.pkl", pickle_of("}(X\1\0\0\0a"s + one_tensor +
                                                  parts(bytes / 2,
                                                        [](size_t i) {
                                                          const std::string name = name_of_number(i + 26);
                                                          return "\x8c" +
                                                                 std::string(1,
                                                                             static_cast<char>(name.size())) +
                                                                 name + "h\1";
                                                        }) +
                                                  "u")},
                 {folder + "/data/0", "x"}});
});
const AddFamily archived("torch", "many empty files", [](size_t bytes) {
  std::vector<std::pair<std::string, std::string>> files{{"a/data.pkl", pickle_of("}")}};
  for (size_t size = 200; size + 90 < bytes && files.size() < 65000;
       size += 76 + 2 * files.back().first.size())
    files.push_back({name_of_number(files.size()), ""});
  return zip_of(files);
});

// ---- llama2.c -----------------------------------------------------------------------------------------------

const AddFamily layers("llama2c_model", "many layers of one number", [](size_t bytes) {
  // width 2 for the rotation of pairs: norms of 2 and matrices of 4 numbers
  const auto layer_count = static_cast<int32_t>(std::min<size_t>((bytes - 100) / 120, 4096));
  std::string file;
  for (const int32_t size : {2, 1, layer_count, 1, 1, 1, 1}) file += bytes_of(size);
  file.resize(28 + 4 * (2 + static_cast<size_t>(layer_count) * (2 + 4 * 4 + 2 + 3 * 2) + 2 + 2));
  return file;
});

}  // namespace
}  // namespace hewn::test
