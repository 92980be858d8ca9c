#include "core/error.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
void use_tokenizer(const Tokenizer& tokenizer) {
  std::string all;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) all += tokenizer.piece(id);
  const std::string text = all.substr(0, 300) + " The \xc3\xa9 end\n\n 12  \xff";
  try {
    tokenizer.decode(tokenizer.encode(text));
    tokenizer.encode(text, Specials::allowed);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::input) throw;  // characters outside its vocabulary
  }
  tokenizer_from_json(tokenizer.to_json());
}

namespace {

const AddFuzzTarget json_target("tokenizer_json",
                                [](std::string_view bytes) { use_tokenizer(*tokenizer_from_json(bytes)); });

/// vocab.json, merges.txt and the files that may lie beside them, with zero bytes between them.
const AddFuzzTarget gpt2_target("tokenizer_gpt2", [](std::string_view bytes) {
  static const std::filesystem::path directory = [] {
    const std::filesystem::path path = fuzz_directory() / "gpt2";
    std::filesystem::create_directory(path);
    return path;
  }();
  for (const char* name : {"vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json",
                           "special_tokens_map.json"}) {
    const size_t end = std::min(bytes.find('\0'), bytes.size());
    put_file(directory / name,
             end == 0 && name != std::string_view("merges.txt") ? "{}" : bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  use_tokenizer(*load_tokenizer((directory / "vocab.json").string()));
});

const AddFuzzTarget llama2c_target("tokenizer_llama2c", [](std::string_view bytes) {
  use_tokenizer(*tokenizers::read_llama2c_tokenizer(bytes));
});

}  // namespace
}  // namespace hewn::test
