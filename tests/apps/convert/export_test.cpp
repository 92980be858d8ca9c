// hewn export: every format of a trained run, and what is asked wrongly.

#include <cstring>
#include <filesystem>

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("runs and exported models can be exported", "[cli]") {
  const TempDir dir;
  REQUIRE(
      hewn(small_train(dir, {"--pos=rope", "--norm=rmsnorm", "--act=swiglu", "--n_kv_head=1"})).exit_code ==
      0);
  const auto path = [&](const std::string& name) { return (dir / name).string(); };
  const auto exported = [&](const std::string& from, const std::string& format, const std::string& to) {
    return hewn({"export", path(from), "--format=" + format, "--out=" + path(to)});
  };
  CHECK_FAILS(exported("run", "hf", "hf"), 0, "wrote " + path("hf"));
  CHECK_FAILS(exported("run", "gguf", "model.gguf"), 0, "wrote " + path("model.gguf"));
  const auto about = hewn({"info", path("model.gguf")});
  CHECK(about.exit_code == 0);
  CHECK(contains(about.out, "general.architecture  llama\n"));
  CHECK(contains(about.out, "blk.0.attn_norm.weight  f32 ["));
  CHECK(contains(hewn({"info", path("model.gguf"), "--json"}).out, "\"llama.block_count\": "));
  CHECK_FAILS(exported("run", "llama2c", "model.bin"), 0, "wrote " + path("model.bin"));
  CHECK(contains(hewn({"info", path("model.bin")}).out, "format  llama2.c, version 0\n"));
  CHECK(contains(hewn({"info", path("hf")}).out, "format  Hugging Face, llama\n"));
  CHECK_FAILS(exported("run/checkpoints/best", "safetensors", "best.safetensors"), 0, "wrote ");
  CHECK_FAILS(exported("run", "safetensors", "run.safetensors"), 0, "wrote ");
  CHECK_FAILS(exported("hf", "safetensors", "hf.safetensors"), 0, "wrote ");
  CHECK_FAILS(exported("model.gguf", "hf", "from-gguf"), 0, "wrote ");
  CHECK_FAILS(exported("from-gguf", "safetensors", "from-gguf.safetensors"), 0, "wrote ");
  const auto values =
      [&](const std::string& name) {  // without the header, which tells of dropout and the like
        const std::string bytes = read_file(dir / name);
        uint64_t header = 0;
        std::memcpy(&header, bytes.data(), sizeof header);
        return bytes.substr(8 + header);
      };
  CHECK((values("hf.safetensors") == values("run.safetensors")));
  CHECK((read_file(dir / "from-gguf/model.safetensors") == read_file(dir / "hf/model.safetensors")));

  const auto json = hewn({"export", path("run"), "--format=gguf", "--out=" + path("half.gguf"), "--dtype=f16",
                          "--block_size=8", "--json"});
  CHECK(json.exit_code == 0);
  CHECK(contains(json.out, "\"files\""));
  CHECK(std::filesystem::file_size(dir / "half.gguf") < std::filesystem::file_size(dir / "model.gguf"));
}

TEST_CASE("an export that is not possible reports the reason", "[cli]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--norm_place=post"})).exit_code == 0);
  const std::string run = (dir / "run").string(), out = "--out=" + (dir / "out").string();
  CHECK_FAILS(hewn({"export", run, "--format=hf", out}), 2, "norm_place = post");
  CHECK_FAILS(hewn({"export", run, "--format=onnx", out}), 2, "onnx");
  CHECK_FAILS(hewn({"export", run, out}), 2, "no format was given");
  CHECK_FAILS(hewn({"export", run, "--format=hf"}), 2, "no output path was given");
  CHECK_FAILS(hewn({"export", "--format=hf", out}, {.directory = "/"}), 2, "no run was given");
  CHECK_FAILS(hewn({"export", (dir / "none").string(), "--format=hf", out}), 3, "none");
  CHECK_FAILS(hewn({"export", (dir / "text.txt").string(), "--format=hf", out}), 3,
              "not a model in a known format");
  CHECK_FAILS(hewn({"export", run, "--format=safetensors", "--out=" + run}), 2, "exists");
  CHECK_FALSE(std::filesystem::exists(dir / "out"));
}

}  // namespace hewn::test
