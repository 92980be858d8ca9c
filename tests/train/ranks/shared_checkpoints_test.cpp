// Checkpoints of several ranks: the bytes of one process, which any number of ranks can resume.

#include <atomic>
#include <filesystem>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/checkpoint.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

constexpr int64_t all_micro_steps = 8, saved_step = 2, last_step = 4;
constexpr uint64_t model_seed = 3;

struct SavedVariant {
  const char* name;
  TrainConfig config;
};

std::vector<SavedVariant> saved_variants() {
  TrainConfig config{.model = tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.n_layer = 1;
  config.model.n_embd = 128;  // parameters in several slices, and slices with several parameters
  config.schedule = {.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};
  config.gradient_accumulation_steps = config.grad_shards = all_micro_steps;
  std::vector<SavedVariant> all{{"adamw", config},    {"sgd", config},  {"rounded", config},
                                {"adapters", config}, {"tiny", config}, {"last block", config},
                                {"bf16", config}};
  all[1].config.optimizer.kind = OptimizerKind::sgd;
  all[2].config.dtype = DType::bf16;
  all[2].config.optimizer.stochastic_rounding = true;
  all[3].config.training = {.what = "lora", .lora = {.rank = 2, .layers = ""}};
  all[4].config.dtype = DType::f64;
  all[4].config.model.n_embd = 16;  // less than a slice for every rank
  all[5].config.training.what = "last:1";
  all[6].config.dtype = DType::bf16;
  all[6].config.model.tie = false;
  for (const size_t i : {size_t{0}, size_t{2}}) {
    all.push_back(all[i]);
    all.back().config.optimizer.shard = false;
  }
  return all;
}

/// One of the ranks, or a process alone.
struct Process {
  Ranks* ranks;
  TrainConfig config;
  std::unique_ptr<Executor> device = make_cpu(1);
  std::unique_ptr<Model> model;
  Trainer trainer;

  Process(const TrainConfig& c, Ranks* r, uint64_t seed = model_seed)
      : ranks(r),
        config(c),
        model(make_model(config.model, config.training, *device, config.dtype, seed)),
        trainer(*model, config, ranks) {}
  bool first() const { return !ranks || ranks->rank() == 0; }

  void train_until(int64_t step) {
    const int64_t mine = all_micro_steps / (ranks ? ranks->size() : 1),
                  begin = ranks ? ranks->rank() * mine : 0;
    while (trainer.steps_done() < step) {
      std::vector<Batch> batches;
      for (int64_t m = begin; m < begin + mine; ++m) {
        Random random(join("saved ", trainer.steps_done(), " ", m));
        batches.push_back(random_batch(random, config.model, 1 + m % 2));
      }
      trainer.step(batches);
    }
  }
  /// Saves to `run`, which rank 0 alone knows.
  std::string save(const std::string& run) {
    RunState state;
    state.step = trainer.steps_done();
    state.seed = model_seed;
    return save_checkpoint(first() ? run : "/dev/null/nowhere", state, trainer);
  }
};

/// The content of all files of a checkpoint by name.
std::map<std::string, std::string> files_of(const fs::path& checkpoint) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(checkpoint))
    files[entry.path().filename().string()] = read_file(entry.path());
  return files;
}

/// Saves with `size` ranks. Returns the path of the checkpoint.
std::string save_with(int size, const TrainConfig& config, const std::string& run) {
  std::vector<std::string> paths(static_cast<size_t>(size));
  // Buckets of the least size: a block per rank.
  Mailboxes(size, run_seed(), 0).run([&](Ranks& ranks) {
    Process process(config, &ranks);
    process.train_until(saved_step);
    paths[static_cast<size_t>(ranks.rank())] = process.save(run);
  });
  for (const std::string& path : paths) CHECK(path == run + "/checkpoints/step-000002");
  return paths[0];
}

/// Resumes with `size` ranks, which all have other parameters before; with an adapter, whose checkpoint does not hold
/// the frozen ones, all but rank 0. Returns the path of the last checkpoint.
std::string resume_with(int size, const TrainConfig& config, const std::string& checkpoint,
                        const std::string& run) {
  std::string path;
  Mailboxes(size, run_seed() + 1, 0).run([&](Ranks& ranks) {
    const auto me = static_cast<uint64_t>(ranks.rank());
    const bool adapts = config.training.what == "lora";
    Process process(config, &ranks, me == 0 && adapts ? model_seed : 100 + me);
    load_checkpoint(process.first() ? checkpoint : "/dev/null/nowhere", process.trainer);
    require(process.trainer.steps_done() == saved_step, "resumed at ", process.trainer.steps_done());
    process.train_until(last_step);
    const std::string saved = process.save(run);
    if (me == 0) path = saved;
  });
  return path;
}

}  // namespace

TEST_CASE("R ranks write the checkpoint of one process, and any number resumes it", "[ranks][checkpoint]") {
  for (const SavedVariant& variant : saved_variants()) {
    if (!in_sample()) continue;
    const TempDir dir;
    Process alone(variant.config, nullptr);
    alone.train_until(saved_step);
    const auto expected = files_of(alone.save((dir / "alone").string()));
    CHECK(expected.size() >= 4);
    alone.train_until(last_step);
    const auto end = files_of(alone.save((dir / "alone").string()));
    CHECK((expected.at("optimizer.safetensors") != end.at("optimizer.safetensors")));
    for (const auto& [size, other] : {std::pair(1, 4), {2, 1}, {4, 8}, {8, 2}}) {
      INFO(variant.name << ", shard " << variant.config.optimizer.shard << ", " << size << " ranks, then "
                        << other);
      const std::string saved = save_with(size, variant.config, (dir / std::to_string(size)).string());
      CHECK((files_of(saved) == expected));
      TrainConfig config = variant.config;
      if (size == 4) config.optimizer.shard = !config.optimizer.shard;  // may change, too
      CHECK((files_of(resume_with(other, config, saved, (dir / "resumed").string())) == end));
    }
  }
}

TEST_CASE("parameters and moments without elements, or with few, are saved and restored by ranks",
          "[ranks][checkpoint]") {
  const TempDir dir;
  std::string end;
  for (const int size : {1, 4}) {
    INFO(size << " ranks");
    Mailboxes(size, run_seed(), 0).run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      const auto model_of = [&](uint64_t seed) {
        auto model = declare_model(tiny_model());
        model->parameters().add("nothing", {0, 3}, {});
        model->parameters().add("one", {1}, Init::ones());
        model->parameters().allocate(*device, DType::f32, seed);
        return model;
      };
      const auto before = model_of(5), after = model_of(6);
      Trainer saves(*before, {}, {}, 1, 4, &ranks), loads(*after, {}, {}, 1, 4, &ranks);
      std::vector<Batch> batches;
      for (int m = 0; m < 4 / size; ++m) {
        Random random(join("few ", ranks.rank() * 4 / size + m));
        batches.push_back(random_batch(random, tiny_model(), 2));
      }
      for (int step = 0; step < 3; ++step) saves.step(batches);
      RunState state;
      state.step = 3;
      load_checkpoint(save_checkpoint((dir / std::to_string(size)).string(), state, saves), loads);
      const std::string bytes = bytes_of(loads);
      require(bytes == bytes_of(saves), "rank ", ranks.rank(), " loaded other bytes");
      if (ranks.rank() == 0 && size == 1) end = bytes;
      require(bytes == end, size, " ranks saved other bytes");
    });
  }
}

TEST_CASE("when rank 0 fails to save or to load, no other rank takes it for a success",
          "[ranks][checkpoint]") {
  const TempDir dir;
  const TrainConfig config = saved_variants()[0].config;
  const std::string good = save_with(2, config, (dir / "good").string()), file = (dir / "file").string();
  write_file(file, "no directory");
  std::atomic<int> returned = 0;
  const auto tries = [&](const std::function<void(Process&)>& body) {
    Mailboxes(4, run_seed()).run([&](Ranks& ranks) {
      Process process(config, &ranks);
      body(process);
      ++returned;
    });
  };
  CHECK_ERROR(tries([&](Process& process) { process.save(file); }), ErrorCode::failed, "saving checkpoint");
  // Everything is written but the link to the last checkpoint.
  fs::create_directories(dir / "linked/checkpoints/last/file");
  CHECK_ERROR(tries([&](Process& process) { process.save((dir / "linked").string()); }), ErrorCode::failed,
              "is a directory, but a link");
  TrainConfig sgd = config;
  sgd.optimizer.kind = OptimizerKind::sgd;
  const std::string fewer = save_with(2, sgd, (dir / "sgd").string());
  for (const std::string& bad : {file, fewer})
    CHECK_ERROR(tries([&](Process& process) { load_checkpoint(bad, process.trainer); }), ErrorCode::input,
                bad);
  CHECK(returned == 0);
  tries([&](Process& process) { load_checkpoint(good, process.trainer); });
  CHECK(returned == 4);
}

}  // namespace hewn::test
