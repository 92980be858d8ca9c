// Models of any format, with the files that lie beside them.

#include "model/weights/foreign.h"

#include <filesystem>

#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {

TEST_CASE("a tokenizer with more tokens than the model is left out, with the reason", "[foreign]") {
  const test::Exportable e(test::gpt2_like());  // of 11 tokens
  const auto beside = [&](std::string_view text) {
    train_tokenizer("char", text)->save(e.path("tokenizer.json"));
    return open_foreign(e.path("model.safetensors"));
  };
  const ForeignModel fits = beside("abcdefghijk");
  REQUIRE(fits.tokenizer);
  CHECK(fits.tokenizer->vocab_size() == 11);
  const ForeignModel larger = beside("abcdefghijkl");
  CHECK(larger.tokenizer == nullptr);
  CHECK(larger.no_tokenizer == "the tokenizer found has 12 tokens, but the model only 11");
}

TEST_CASE("what looks like a model's name on huggingface.co gets a hint, a path does not", "[foreign]") {
  const test::TempDir dir;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  std::filesystem::create_directory("here");
  std::filesystem::create_directory("gpt2-large");
  std::vector<std::string> with_hint, without;
  for (const char* name : {"gpt2", "gpt2-xl", "openai-community/gpt2", "An_owner/a.model-7B"})
    if (fetch_hint(name).starts_with("; Hewn downloads nothing: ")) with_hint.emplace_back(name);
  for (const char* name : {"gpt3", "gpt2-large", "here", "here/model", "/gpt2", "owner/", ".hidden/model",
                           "owner/.model", "owner/a model", "an owner/model", "owner/model/file"})
    if (fetch_hint(name).empty()) without.emplace_back(name);
  std::filesystem::current_path(before);
  CHECK(with_hint ==
        std::vector<std::string>{"gpt2", "gpt2-xl", "openai-community/gpt2", "An_owner/a.model-7B"});
  CHECK(without == std::vector<std::string>{"gpt3", "gpt2-large", "here", "here/model", "/gpt2", "owner/",
                                            ".hidden/model", "owner/.model", "owner/a model",
                                            "an owner/model", "owner/model/file"});
}

TEST_CASE("a model is not stored in 16 bits, and a trunk is not loaded without a part of its base",
          "[foreign]") {
  const test::Exportable e(test::gpt2_like());
  CHECK(test::fails(ErrorCode::usage, {"weights can be stored as f32 or f64, not as bf16"},
                    [&] { save_foreign(e.path("narrow.safetensors"), e.own, DType::bf16); }));
  CHECK_FALSE(std::filesystem::exists(e.path("narrow.safetensors")));
  const auto unbiased = make_model(test::with(test::gpt2_like(), [](auto& c) { c.bias = false; }), cpu());
  CHECK(test::fails(ErrorCode::usage,
                    {"the model has no parameter transformer.h.0.ln_1.bias, but the base has it"},
                    [&] { load_trunk(e.own, *unbiased); }));
}

}  // namespace hewn
