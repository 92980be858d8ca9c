// nanoGPT's checkpoints: a small one of the same layout, written by PyTorch, and the real one.

#include "model/weights/torch/nanogpt.h"

#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/weights/torch/torch_file.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using nlohmann::json;

const std::filesystem::path nanogpt_files = test::source_dir() / "tests/files/torch";

Tensor tokens_of(const std::vector<int32_t>& ids, int64_t rows) {
  return Tensor::from(cpu(), ids, {rows, static_cast<int64_t>(ids.size()) / rows});
}

}  // namespace

TEST_CASE("a checkpoint in nanoGPT's layout computes the same as PyTorch", "[nanogpt]") {
  const ForeignModel opened = open_foreign((nanogpt_files / "ckpt.pt").string());
  CHECK(opened.config.n_layer == 1);
  CHECK(opened.config.bias);
  CHECK(opened.config.dropout == 0.1);
  CHECK(opened.config.act == Activation::gelu_erf);
  REQUIRE(opened.tokenizer);
  CHECK(opened.tokenizer->encode("a\u4e16\n") == std::vector<int32_t>{2, 4, 0});

  const json expected = json::parse(test::read_file(nanogpt_files / "expected.json"));
  std::vector<int32_t> ids;
  for (const json& row : expected.at("tokens"))
    for (const json& id : row) ids.push_back(id);
  std::vector<double> logits;
  for (const json& row : expected.at("logits"))
    for (const json& position : row)
      for (const json& value : position) logits.push_back(value);
  const auto model = load_foreign(opened, cpu(), DType::f64);
  const NoGrad none;
  CHECK(test::close_by_norm(model->logits(tokens_of(ids, 2)).doubles(), logits, 1e-12));
}

TEST_CASE("a checkpoint may be named .pth, and without meta.pkl beside it has no tokenizer", "[nanogpt]") {
  const test::TempDir dir;
  std::filesystem::copy_file(nanogpt_files / "ckpt.pt", dir / "model.pth");
  const ForeignModel opened = open_foreign((dir / "model.pth").string());
  CHECK(opened.format == "nanoGPT, checkpoint");
  CHECK(opened.tokenizer == nullptr);
  CHECK(opened.no_tokenizer.starts_with("there is no meta.pkl beside it"));
  std::filesystem::create_directory(dir / "folder.pt");
  CHECK(test::fails(ErrorCode::input, {"is not a model in a known format"},
                    [&] { open_foreign((dir / "folder.pt").string()); }));
}

namespace {

// The mean loss of a text in windows that do not overlap.
double loss_of_text(Model& model, const std::vector<int32_t>& ids) {
  const auto T = static_cast<size_t>(model.config().block_size), windows = (ids.size() - 1) / T;
  double sum = 0;
  for (size_t first = 0; first < windows; first += 64) {
    const size_t n = std::min<size_t>(64, windows - first);
    const auto rows = [&](size_t shift) {
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(first * T + shift);
      return tokens_of({begin, begin + static_cast<std::ptrdiff_t>(n * T)}, static_cast<int64_t>(n));
    };
    sum += model.loss(rows(0), rows(1)).item() * static_cast<double>(n);
  }
  return sum / static_cast<double>(windows);
}

void check_checkpoint(const std::filesystem::path& directory, const json& expected, const std::string& text,
                      double loss, double tolerance) {
  const ForeignModel opened = open_foreign((directory / "ckpt.pt").string());
  CHECK(opened.config.n_embd == expected.at("model_args").at("n_embd"));
  REQUIRE(opened.tokenizer);
  const auto model = load_foreign(opened, cpu());
  const NoGrad none;
  for (const json& run : expected.at("greedy")) {
    const std::string prompt = run.at("prompt");
    INFO(prompt);
    const auto ids = opened.tokenizer->encode(prompt);
    CHECK(test::close_abs(model->logits(tokens_of(ids, 1), {.last_only = true}).doubles(),
                          run.at("next_logits").get<std::vector<double>>(), 2e-5));
    const auto wanted = run.at("text").get<std::string>();
    std::string produced = prompt;
    const auto count = static_cast<int64_t>(wanted.size() - prompt.size());
    generate(*model, ids,
             {.max_new_tokens = count, .sampling = {.temperature = 0}, .context = {.slide = Slide::one}},
             [&](int32_t token) { return produced += opened.tokenizer->piece(token), true; });
    CHECK(produced == wanted);
  }
  CHECK(std::abs(loss_of_text(*model, opened.tokenizer->encode(text)) - loss) <= tolerance);
}

}  // namespace

TEST_CASE("nanoGPT's checkpoints: logits, greedy texts and loss are those of the original", "[nanogpt]") {
  const std::filesystem::path own = test::source_dir() / "tests/fixtures/nanogpt-tiny";
  const json expected = json::parse(test::read_file(own / "expected.json"));
  check_checkpoint(own, expected, expected.at("text"), expected.at("loss"), 1e-5);
  const std::filesystem::path other = test::shared_root() / "models/nanogpt-char";
  if (test::left_out() || !exists(other)) return;
  const json real = json::parse(test::read_file(other / "expected.json"));
  // The last tenth of the text; the loss is given to four places.
  const std::string all = test::read_file(test::shared_root() / "data/tinyshakespeare.txt");
  check_checkpoint(other, real, all.substr(all.size() * 9 / 10),
                   real.at("val_loss_full_split_non_overlapping_64"), 6e-5);
}

TEST_CASE("settings that nanoGPT has not, or that fit no model, are refused by name", "[nanogpt]") {
  const test::TempDir dir;
  const std::string path = (dir / "ckpt.pt").string();
  const auto changed = [&](const std::string& from, const std::string& to,
                           std::initializer_list<std::string> parts) {
    std::string bytes = test::read_file(nanogpt_files / "ckpt.pt");
    const size_t args = bytes.find("model_args");
    REQUIRE(args != bytes.npos);
    const size_t at = bytes.find(from, args);
    REQUIRE(at != bytes.npos);
    test::write_file(path, bytes.replace(at, from.size(), to));
    return test::fails(ErrorCode::input, parts, [&] { open_nanogpt(path); });
  };
  CHECK(changed("dropout", "droplet", {path, "model_args", "\"droplet\"", "a variant of nanoGPT"}));
  const std::string heads("n_headr\xf2\x01\0\0K", 12);
  CHECK(changed(heads + '\2', heads + '\3', {path, "model_args", "n_head = 3"}));
  CHECK(changed(heads + '\2', heads + '\0', {path, "n_head = 0"}));
}

TEST_CASE("a tensor that nanoGPT has not is refused by name", "[nanogpt]") {
  const test::TempDir dir;
  std::string bytes = test::read_file(nanogpt_files / "ckpt.pt");
  const size_t at = bytes.find("lm_head.weight");
  REQUIRE(at != bytes.npos);
  test::write_file(dir / "ckpt.pt", bytes.replace(at, 7, "my_head"));
  const ForeignModel opened = open_nanogpt((dir / "ckpt.pt").string());
  CHECK(test::fails(ErrorCode::input, {"unknown: _orig_mod.my_head.weight"},
                    [&] { load_foreign(opened, cpu()); }));
}

TEST_CASE("variants of nanoGPT and damaged vocabularies are refused by name", "[nanogpt]") {
  const std::string types = (nanogpt_files / "types.pt").string();
  CHECK(test::fails(ErrorCode::input, {types, "model_args", "nanoGPT"}, [&] { open_nanogpt(types); }));
  const test::TempDir dir;
  const auto meta = [&](const std::string& pickle, const std::string& part) {
    test::write_file(dir / "meta.pkl", pickle);
    return test::fails(ErrorCode::input, {"meta.pkl", part},
                       [&] { nanogpt_tokenizer((dir / "meta.pkl").string()); });
  };
  const std::string start("\x80\x04}\x8c\x04itos}(", 11);
  CHECK(meta(std::string("\x80\x04}.", 4), "no entry \"itos\""));
  CHECK(meta(start + "K\x01\x8c\x01"
                     "aus.",
             "expected the ids 0 to 0"));
  CHECK(meta(start + "J\xff\xff\xff\xff\x8c\x01"
                     "aus.",
             "found id -1"));
  CHECK(meta(start + std::string("K\0\x8c\x02"
                                 "abus.",
                                 9),
             "single characters"));
  CHECK(meta(start + std::string("K\0\x8c\x01"
                                 "aK\0\x8c\x01"
                                 "bus.",
                                 13),
             "each once"));
  CHECK(meta(start + std::string("K\0K\0us.", 7), "an integer where a string is expected"));
  CHECK(meta(start + std::string("\x8c\0\x8c\0us.", 7), "a string where an integer is expected"));
}

}  // namespace hewn
