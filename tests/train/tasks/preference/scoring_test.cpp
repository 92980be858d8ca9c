// What a model says about pairs, and the file that keeps what the reference model said.

#include "train/data/batch_tensors.h"
#include "train/tasks/preference/scoring.h"

#include <cmath>
#include <limits>

#include "model/weights/safetensors/safetensors.h"
#include "tests/train/tiny.h"
#include "train/tasks/preference/reference.h"

namespace hewn {
namespace {

std::vector<PreferencePair> some_pairs(test::Random& random, int64_t count) {
  std::vector<PreferencePair> pairs;
  const auto row = [&] {
    TrainingRow made;
    for (int64_t t = random.integer(1, 8); t > 0; --t) {
      made.tokens.push_back(static_cast<int32_t>(random.integer(0, 10)));
      made.targets.push_back(static_cast<int32_t>(random.integer(0, 10)));
    }
    return made;
  };
  for (int64_t i = 0; i < count; ++i) pairs.push_back({row(), row()});
  return pairs;
}

const auto never = [] { return false; };

std::string bytes_of(const std::vector<PreferencePair>& pairs) {
  std::string bytes;
  for (const PreferencePair& pair : pairs)
    bytes.append(reinterpret_cast<const char*>(pair.reference.data()), sizeof pair.reference);
  return bytes;
}

}  // namespace

TEST_CASE("preference scores: against itself, a model has no margin", "[preference]") {
  test::Random random("no margin");
  for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
    const auto model = make_model(test::tiny_model(), cpu(), dtype, 7);
    auto pairs = some_pairs(random, 9);
    REQUIRE(note_reference(*model, pairs, 4, never));
    const PreferenceScore score = score_preferences(*model, pairs, 4, {});
    CHECK(score.loss == Approx(std::log(2.0)).epsilon(1e-14));
    CHECK(score.margin() == 0);
    CHECK(score.hits == 0);
    CHECK(score.pairs == 9);
  }
}

TEST_CASE("preference scores: are the loss and the rewards of the pairs", "[preference]") {
  test::Random random("scores");
  const auto model = make_model(test::tiny_model(), cpu(), DType::f64, 7);
  auto pairs = some_pairs(random, 9);
  REQUIRE(note_reference(*model, pairs, 4, never));
  double chosen = 0, rejected = 0;
  int64_t hits = 0, likelier = 0;
  const PreferenceConfig config{.beta = 0.3, .label_smoothing = 0.2};
  for (size_t i = 0; i < pairs.size(); ++i) {
    likelier += pairs[i].reference[0] > pairs[i].reference[1];
    const float up = static_cast<float>(i) - 2, down = static_cast<float>(i % 3);
    pairs[i].reference[0] -= static_cast<double>(up);
    pairs[i].reference[1] -= static_cast<double>(down);
    chosen += 0.3 * static_cast<double>(up) / 9;
    rejected += 0.3 * static_cast<double>(down) / 9;
    hits += up > down;
  }
  const PreferenceScore score = score_preferences(*model, pairs, 2, config);
  CHECK(score.chosen == Approx(chosen).epsilon(1e-13));
  CHECK(score.rejected == Approx(rejected).epsilon(1e-13));
  CHECK(score.hits == hits);
  CHECK(score.likelier_chosen == likelier);  // whatever the reference says
  CHECK(score.likelier() == static_cast<double>(likelier) / 9);
  Batch batch;
  PairBatches(pairs, 9, 0, RowOrder::Kind::by_length).fill(0, batch);
  const Tensor logs = row_log_probabilities(*model, batch_tensor(cpu(), batch, batch.tokens),
                                            batch_tensor(cpu(), batch, batch.targets));
  const double loss = preference_loss(logs, Tensor::from(cpu(), batch.reference, {18}), config).item();
  CHECK(std::abs(score.loss - loss) <= 1e-12);
  CHECK_ERROR(score_preferences(*model, {}, 2, config), ErrorCode::usage, "no pairs");
}

TEST_CASE("preference scores: there are none if the passes are stopped", "[preference]") {
  test::Random random("stopped scores");
  const auto model = make_model(test::tiny_model(), cpu());
  const auto pairs = some_pairs(random, 6);
  int asked = 0;
  CHECK_FALSE(score_preferences(*model, pairs, 2, {}, [&] { return ++asked == 3; }));
  CHECK(asked == 3);
  CHECK(score_preferences(*model, pairs, 2, {}, [&] { return ++asked == 7; }));
  CHECK(asked == 6);
}

TEST_CASE("preference reference: stops when asked", "[preference]") {
  test::Random random("stop");
  const auto model = make_model(test::tiny_model(), cpu());
  auto pairs = some_pairs(random, 6);
  int calls = 0;
  CHECK_FALSE(note_reference(*model, pairs, 2, [&] { return ++calls == 3; }));
  CHECK(calls == 3);
}

TEST_CASE("preference reference: a file gives the same bits, and only to its own pairs", "[preference]") {
  test::Random random("reference file");
  const test::TempDir dir;
  const std::string path = (dir / reference_file).string();
  PairSides sides{some_pairs(random, 5), {}, some_pairs(random, 2)};
  for (auto* pairs : {&sides.train, &sides.test})
    for (PreferencePair& pair : *pairs)
      for (double& log : pair.reference) log = static_cast<float>(-random.uniform(0, 100));
  double exact = -1.0 / 3;
  sides.train[1].reference[0] = -std::numeric_limits<float>::infinity();
  PairSides read;
  for (const DType dtype :
       {DType::f64, DType::f32}) {  // one value that is no float32 makes all of them float64
    if (dtype == DType::f64) std::swap(sides.test[1].reference[1], exact);
    write_reference(path, sides);
    CHECK(std::filesystem::file_size(path) < 1024);
    CHECK(SafetensorsFile(path).at("train").dtype == dtype);
    read = sides;
    for (auto* pairs : {&read.train, &read.test})
      for (PreferencePair& pair : *pairs) pair.reference = {};
    read_reference(path, read);
    CHECK((bytes_of(read.train) == bytes_of(sides.train)));
    CHECK((bytes_of(read.test) == bytes_of(sides.test)));
    if (dtype == DType::f64) std::swap(sides.test[1].reference[1], exact);
  }

  const std::string whole = test::read_file(path);
  const auto with = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    read_reference(path, read);
  };
  std::string flipped = whole;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  CHECK_ERROR(with(flipped), ErrorCode::input, "is damaged");
  CHECK_ERROR(with(whole.substr(0, whole.size() - 1)), ErrorCode::input, path);
  test::write_file(path, whole);
  PairSides other = sides;
  other.train[3].rejected.targets.back() ^= 1;
  CHECK_ERROR(read_reference(path, other), ErrorCode::input, "belongs to other rows");
  other = sides;
  other.train.pop_back();
  CHECK_ERROR(read_reference(path, other), ErrorCode::input, "belongs to other rows");
  // The values of the right pairs, in tensors of another shape or type.
  const auto write_as = [&](const TensorEntry& test) {
    test::write_file(path, whole);
    const SafetensorsFile file(path);
    SafetensorsWriter writer(path, {file.at("train"), test}, file.metadata());
    for (const char* name : {"train", "test"}) writer.append(name, file.at(name).data, file.at(name).bytes);
    writer.finish();
    read_reference(path, read);
  };
  CHECK_NOTHROW(write_as({.name = "test", .dtype = DType::f32, .shape = {2, 2}}));
  for (const TensorEntry& test :
       {TensorEntry{"test", DType::f32, {4}}, TensorEntry{"test", DType::f32, {1, 4}},
        TensorEntry{"test", DType::i32, {2, 2}}, TensorEntry{"test", DType::bf16, {2, 4}}})
    CHECK_ERROR(write_as(test), ErrorCode::input,
                "the tensor test does not have the shape [2, 2] of float32 or float64");
  SafetensorsWriter(path, {}, {{"format", "hewn-reference"}, {"version", "99"}}).finish();
  CHECK_ERROR(read_reference(path, other), ErrorCode::input, "reference model, of version 1");
  SafetensorsWriter(path, {}).finish();
  CHECK_ERROR(read_reference(path, other), ErrorCode::input, "reference model");
}

}  // namespace hewn
