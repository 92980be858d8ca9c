// The file of an optimizer's moments, by itself.

#include "train/checkpoint/moments.h"

#include "model/weights/safetensors/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/train/checkpoint/made.h"

namespace hewn::test {
namespace {

using Change = void (*)(TensorEntry&);

/// Writes zeros for the moments of a trainer, the first of them changed.
void write_zeros(const std::string& path, const Trainer& trainer, Change change) {
  std::vector<TensorEntry> entries;
  for (const Optimizer::Moment& m : trainer.optimizer().moments()) {
    const auto sizes = m.shape.sizes();
    entries.push_back({.name = m.name, .dtype = DType::f32, .shape = {sizes.begin(), sizes.end()}});
  }
  change(entries.at(0));
  SafetensorsWriter writer(path, entries);
  for (const TensorEntry& entry : entries) {
    const std::vector<std::byte> zeros(static_cast<size_t>(entry.elements()) * size_of(entry.dtype));
    writer.append(entry.name, zeros.data(), zeros.size());
  }
  writer.finish();
}

}  // namespace

TEST_CASE("moments that do not fit the optimizer are refused by their name", "[checkpoint]") {
  const TempDir dir;
  const std::string path = (dir / "moments.safetensors").string();
  const Trained trained;
  const std::string name = trained.trainer.optimizer().moments()[0].name;
  const auto check = [&](Change change) {
    write_zeros(path, trained.trainer, change);
    check_moments(SafetensorsFile(path), trained.trainer.optimizer());
  };
  check([](TensorEntry&) {});
  check([](TensorEntry& m) { m.dtype = DType::f64; });  // of a run that computed in double
  CHECK_ERROR(check([](TensorEntry& m) { m.shape.back() += 1; }), ErrorCode::input, name + " is [");
  CHECK_ERROR(check([](TensorEntry& m) { m.dtype = DType::i32; }), ErrorCode::input, name + " is i32");
  CHECK_ERROR(check([](TensorEntry& m) { m.name = "another"; }), ErrorCode::input, name);

  Trained resumed;
  const std::string checkpoint = save_checkpoint(dir.path().string(), state_at(1), resumed.trainer);
  write_zeros(checkpoint + "/optimizer.safetensors", trained.trainer,
              [](TensorEntry& m) { m.shape.back() += 1; });
  CHECK_ERROR(load_checkpoint(checkpoint, resumed.trainer), ErrorCode::input, name + " is [");
}

}  // namespace hewn::test
