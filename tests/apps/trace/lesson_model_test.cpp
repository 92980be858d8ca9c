// The lesson model, which is part of the program.

#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

using nlohmann::json;

json json_of(const std::vector<std::string>& arguments, const ProcessOptions& options = {}) {
  const auto r = hewn(arguments, options);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out);
}

int64_t elements(const json& tensor) {
  int64_t n = 1;
  for (const auto& size : tensor["shape"]) n *= size.get<int64_t>();
  return n;
}

}  // namespace

TEST_CASE("lesson model: every command that reads a run opens it from any directory", "[trace]") {
  const TempDir dir;
  const ProcessOptions there{.directory = dir.path().string()};
  const json traced = json_of({"trace", "lesson", "--json"}, there);
  CHECK(traced["tokens"].size() == 9);
  CHECK(traced["loss"] > 0.5);
  CHECK(traced["loss"] < 2);
  int64_t parameters = 0;
  for (const json& leaf : traced["leaves"]) {
    parameters += elements(leaf);
    CHECK(leaf["value"].contains("data"));
    CHECK(leaf["grad"].contains("data"));
  }
  CHECK(parameters == 7552);
  for (const json& node : traced["nodes"]) {
    CHECK(node["value"].contains("data"));
    CHECK(node["grad"].contains("data"));
  }
  const json about = json_of({"info", "lesson", "--json"}, there);
  CHECK(about["model"]["n_embd"] == 16);
  CHECK(about["tokenizer"]["kind"] == "char");
  CHECK_FAILS(hewn({"sample", "lesson", "--start=the fox", "--max_new_tokens=20"}, there), 0, "");
  CHECK_FAILS(hewn({"verify", "lesson"}, there), 0, "");
  CHECK_FAILS(hewn({"gradcheck", "lesson", "--seconds=0.1"}, there), 0, "");
  write_file(dir / "text.txt",
             "the fox found a bell. the fox found a bell. the fox found a bell. the fox.\n");
  std::vector<std::string> train{"train", "--init_from=lesson", "--dataset=text.txt", "--val_fraction=0",
                                 "--max_iters=2"};
  CHECK_FAILS(hewn(train, there), 0, "");
  train.insert(train.end(), {"--train=lora", "--out_dir=adapted"});
  CHECK_FAILS(hewn(train, there), 2, "hewn export lesson");
}

TEST_CASE("lesson model: it is the file in configs/lesson", "[trace]") {
  const std::string file = (source_dir() / "configs/lesson/lesson.safetensors").string();
  json embedded = json_of({"trace", "lesson", "--json"});
  json opened = json_of({"trace", file, "--text=the fox f", "--json"});
  CHECK(embedded["loss"] == opened["loss"]);
  CHECK(embedded["tokens"] == opened["tokens"]);
}

TEST_CASE("lesson model: a run of that name comes first", "[trace]") {
  const TempDir dir;
  write_file(dir / "lesson", "no model");
  CHECK_FAILS(hewn({"trace", "lesson"}, {.directory = dir.path().string()}), 3,
              "lesson is not a model in a known format");
}

}  // namespace hewn::test
