// hewn info: describes a file or this machine.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/bench/ladder/source.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"
#include "model/config_json.h"
#include "model/json.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/llama2c/llama2c.h"
#include "model/weights/safetensors/safetensors.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/data/data_set_files.h"
#include "train/data/token_shards.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

Json rungs_of(const Case& c) {
  Json rungs = Json::array();
  for (size_t i = 0; i < c.rungs(); ++i) {
    Json isas = Json::array();
    for (int k = 0; k < n_isas; ++k)
      if (c.has(i, static_cast<Isa>(k))) isas.push_back(name_of(static_cast<Isa>(k)));
    rungs.push_back({{"rung", c.rung_name(i)}, {"idea", c.rung_idea(i)}, {"isas", isas}});
    const RungSource source = source_of(c, i);
    rungs.back()["file"] = source.file, rungs.back()["line"] = source.line;
    if (c.why_not(i)) rungs.back()["why_not"] = c.why_not(i);
  }
  return rungs;
}

/// `kernels`: the ladder of every operation. `rooms`: the operations of every room. `no_gpu`: the reason why
/// a ladder has no rung for GPUs.
Json kernel_list() {
  Json ladders = Json::object(), ops_of = Json::object(), no_gpu = Json::object();
  for (const Room& room : rooms()) {
    Json ops = Json::array();
    for (const auto& c : room.cases({.width = 4, .shape = ""})) {  // small cases, to find their ladders
      if (ladders.contains(c->op())) continue;
      ops.push_back(c->op());
      ladders[c->op()] = rungs_of(*c);
      if (c->why_no_gpu()) no_gpu[c->op()] = c->why_no_gpu();
    }
    ops_of[room.name] = ops;
  }
  return {{"kernels", ladders}, {"rooms", ops_of}, {"no_gpu", no_gpu}};
}

int describe_machine(bool json) {
  const Json list = kernel_list();
  if (json) {
    Json all = Json::parse(version_json());
    all.update(list);
    print(json_text(all, 2), "\n");
    return 0;
  }
  print(version_text(), "\nKernels, from the reference to the preferred:\n");
  for (const auto& [op, rungs] : list["kernels"].items()) {
    print(op, "\n");
    if (list["no_gpu"].contains(op))
      print("  no rung for GPUs: ", list["no_gpu"][op].get<std::string>(), "\n");
    for (const Json& rung : rungs) {
      const std::string declined =
          rung.contains("why_not") ? ", declined here: " + rung["why_not"].get<std::string>() : "";
      print("  ", rung["rung"].get<std::string>(), " (",
            list_text(rung["isas"], " ", [](const Json& isa) { return isa.get<std::string>(); }), declined,
            "): ", rung["idea"].get<std::string>(), "\n");
    }
  }
  return 0;
}

/// The numbers that an adapter consists of, and its configuration.
Json about_adapter(const std::string& directory) {
  Json out{{"parameters", 0}, {"config", read_json(directory + "/" + adapter_config_file, 1 << 24)}};
  int64_t parameters = 0;
  const SafetensorsFile file(directory + "/" + adapter_weights_file);
  for (const TensorEntry& entry : file.entries()) parameters += Shape(entry.shape).numel();
  out["parameters"] = parameters;
  return out;
}

Json about_base(const BaseModel& base) { return {{"path", base.path}, {"hash", to_hex(base.hash)}}; }

/// The number of different n-grams of each length: {"1": 65, "2": 1403, ...}.
Json ngrams_in(const std::vector<TensorEntry>& tables) {
  Json out = Json::object();
  for (const TensorEntry& table : tables)
    if (table.name.ends_with(".tokens")) out[std::to_string(out.size() + 1)] = table.shape[0];
  return out;
}

Json about_checkpoint(const std::string& path) {
  const RunState state = checkpoint_state(path);
  Json out{
      {"checkpoint", path}, {"step", state.step}, {"tokens_seen", state.tokens}, {"seconds", state.seconds}};
  if (state.val_loss) out["val_loss"] = *state.val_loss;
  if (state.best_val_loss) out["best_val_loss"] = *state.best_val_loss, out["best_step"] = state.best_step;
  const ModelConfig config = checkpoint_config(path);
  const auto model = declare_model(config);
  if (model->counted())
    out["ngrams"] = ngrams_in(open_checkpoint(path, cpu(), DType::f32)->tables());
  else
    out["parameters"] = model->parameters().numel();
  if (is_adapted(path)) out["adapter"] = about_adapter(path), out["base"] = about_base(state.base);
  out["model"] = Json::parse(to_json(config));
  return out;
}

/// How texts begin and end, by the text of the tokens.
Json about_texts(const TextEncoder& texts) {
  const auto piece = [&](int32_t id) { return Json(texts.tokenizer().piece(id)); };
  return {{"begin", texts.begin() ? piece(*texts.begin()) : Json()},
          {"ends", json_list(texts.ends(), piece)},
          {"own_windows", texts.form().own_windows}};
}

Json about_run(const std::string& path) {
  Json out{{"run", path}};
  out["checkpoints"] =
      json_list(list_checkpoints(path), [](const CheckpointInfo& info) { return info.path; });
  if (const auto task = read_task(path)) out["task"] = Json::parse(task_to_json(*task));
  out["read"] = find_checkpoint(path);
  const HeldCheckpoint last = hold_checkpoint(path, "last");
  if (const auto tokenizer = run_tokenizer(path, checkpoint_state(last.path).tokenizer_hash))
    out["texts"] = about_texts(TextEncoder(*tokenizer, run_text_form(path, tokenizer.get())));
  out["last"] = about_checkpoint(last.path);
  return out;
}

/// Adds "parameters" and "tensors".
void describe_tensors(const std::vector<TensorEntry>& entries, Json& out) {
  int64_t parameters = 0;
  out["parameters"] = 0;
  out["tensors"] = Json::object();
  for (const TensorEntry& entry : entries) {
    int64_t n = 1;
    std::string shape;
    for (const int64_t size : entry.shape)
      n *= size, shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    parameters += n;
    out["tensors"][entry.name] = join(entry.type_name(), " [", shape, "]");
  }
  out["parameters"] = parameters;
}

Json about_weights(const std::string& path) {
  const SafetensorsFile file(path);
  Json out{{"file", path}};
  describe_tensors(file.entries(), out);
  out["metadata"] = file.metadata();
  return out;
}

/// A key's value; for lists, which may be as long as a vocabulary, their length.
struct DescribeKey {
  template <class T>
  Json operator()(const T& value) const {
    return value;
  }
  template <class T>
  Json operator()(const std::vector<T>& values) const {
    return join("a list of ", values.size());
  }
  Json operator()(std::monostate) const { return "a list of an unsupported type"; }
};

/// How many tensors have each format, their bytes, and whether products are computed with its blocks as they are or
/// widened, as `on_device` of kernels/qmatmul does.
Json formats_of(const std::vector<TensorEntry>& entries) {
  struct Total {
    int64_t tensors = 0;
    double bytes = 0;
    bool widened = false;
  };
  std::map<std::string_view, Total> totals;
  for (const TensorEntry& entry : entries) {
    Total& total = totals[entry.type_name()];
    ++total.tensors, total.bytes += static_cast<double>(entry.bytes);
    total.widened = entry.blocks && !multiplied_as_they_are(*entry.blocks);
  }
  Json out = Json::object();
  for (const auto& [format, total] : totals)
    out[std::string(format)] =
        join(total.tensors, total.tensors == 1 ? " tensor, " : " tensors, ", bytes_text(total.bytes),
             total.widened ? ", widened to bf16 when opened" : "");
  return out;
}

Json about_gguf(const std::string& path) {
  const GgufFile file(path);
  Json out{{"file", path}, {"format", "GGUF"}, {"keys", Json::object()}};
  for (const auto& [name, value] : file.keys()) out["keys"][name] = std::visit(DescribeKey{}, value);
  if (file.find_key(own_tokenizer_key)) out["keys"][own_tokenizer_key] = "the JSON of a tokenizer";
  out["formats"] = formats_of(file.entries());
  describe_tensors(file.entries(), out);
  return out;
}

/// Describes a model that `hewn import` accepts.
Json about_foreign(const std::string& path) {
  const ForeignModel model = open_lesson_or_foreign(path);
  Json out{{"file", path}, {"format", model.format}, {"model", Json::parse(to_json(model.config))}};
  out["tokenizer"] =
      model.tokenizer ? Json{{"kind", model.tokenizer->kind()}, {"vocab_size", model.tokenizer->vocab_size()}}
                      : Json("none: " + model.no_tokenizer);
  if (model.tokenizer) out["texts"] = about_texts(model.texts());
  std::vector<TensorEntry> entries;
  model.tensors->each([&](const TensorEntry& entry) { entries.push_back(entry); });
  describe_tensors(entries, out);
  return out;
}

/// Whether a .bin file is a llama2.c model: its size must match the numbers in its header exactly.
bool is_llama2c(const std::string& path) {
  try {
    open_llama2c(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Adds a description of a token file, or of several that are one sequence.
void describe_tokens(const TokenFile& file, Json& out) {
  out["tokens"] = file.tokens.size();
  out["vocab_size"] = file.info.vocab_size;
  if (file.format == TokenFormat::hewn)
    out["tokenizer_hash"] = to_hex(file.info.tokenizer_hash);
  else
    out["format"] = description_of(file.format);
  if (file.info.separator) out["separator"] = *file.info.separator;
  if (file.info.text_bytes > 0) out["text_bytes"] = file.info.text_bytes;
  if (file.info.neg_log_prob) out["neg_log_prob"] = *file.info.neg_log_prob;
}

Json about_token_file(const std::string& path) {
  const TokenFile file = open_token_file(path);
  Json out{{"file", path}};
  if (file.shard.number > 0 || file.shard.followed) out["shard"] = file.shard.number;
  describe_tokens(file, out);
  return out;
}

/// Describes the training tokens of a directory.
Json about_data(const std::string& directory) {
  std::vector<ListedFile> files;
  for (const std::string& name : token_files_in(directory).train)
    files.push_back({(fs::path(directory) / name).string(), std::nullopt});
  Json out{{"file", shown_name(files)}};
  if (files.size() > 1) out["shards"] = files.size();
  describe_tokens(open_token_files(files), out);
  return out;
}

Json about_tokenizer(const std::string& path) {
  const auto tokenizer = load_tokenizer(path);
  return {{"file", path},
          {"kind", tokenizer->kind()},
          {"vocab_size", tokenizer->vocab_size()},
          {"hash", tokenizer->hash()}};
}

Json about(const std::string& path) {
  if (is_lesson(path)) return about_foreign(path);
  if (!path_exists(path)) fail(ErrorCode::input, path, ": no such file or directory");
  if (path_is_directory(path)) {
    const bool checkpoint = path_exists(fs::path(path) / "state.json");
    if (!checkpoint && is_data_directory(path)) return about_data(path);
    for (const char* config : {"config.json", "hparams.json"})
      if (path_exists(fs::path(path) / config)) return about_foreign(path);
    if (!checkpoint && holds_adapter(path)) return Json{{"adapter", about_adapter(path)}};
    if (checkpoint) return about_checkpoint(hold_checkpoint(path).path);
    const DirectoryInUse use(path);
    return about_run(path);
  }
  if (path.ends_with(".safetensors")) return about_weights(path);
  if (looks_like_gguf(path)) return about_gguf(path);
  if (path.ends_with(".pt") || (path.ends_with(".bin") && is_llama2c(path))) return about_foreign(path);
  if (path.ends_with(".bin")) return about_token_file(path);
  if (path.ends_with(".json")) return about_tokenizer(path);
  refuse_foreign_file(path);
  fail(ErrorCode::input, path,
       ": expected a run, a checkpoint, a model, a .safetensors file, a tokenizer.json or a token file "
       "(.bin); for a text use `hewn data stats`");
}

// Formats a value for people: times in hours, minutes and seconds, real numbers with few digits.
std::string shown_value(const std::string& key, const Json& value) {
  if (value.is_string() && value != "\n") return value.get<std::string>();
  if (value.is_number_integer()) return long_count(value.get<int64_t>());
  if (!value.is_number_float()) return json_text(value);
  const double number = value.get<double>();
  if (key == "seconds") return number < 60 ? fixed(number, 1) + "s" : duration_text(number);
  return join(number);  // six digits
}

// Prints nested values as indented lines.
void print_lines(const Json& value, int indent) {
  for (const auto& [key, inner] : value.items()) {
    print(std::string(static_cast<size_t>(indent), ' '), value.is_array() ? "" : key);
    if (inner.is_structured()) {
      print("\n");
      print_lines(inner, indent + 2);
    } else {
      print(value.is_array() ? "" : "  ", shown_value(key, inner), "\n");
    }
  }
}

}  // namespace

int run_info(const Settings& settings) {
  require(settings.arguments.size() <= 1, "expected one run or file; use `hewn info [RUN|FILE]`");
  if (settings.arguments.empty() && !settings.given("out_dir"))
    return describe_machine(settings.flag("json"));
  const Json answer = about(named_run(settings));
  if (settings.flag("json"))
    print(json_text(answer, 2), "\n");
  else
    print_lines(answer, 0);
  return 0;
}

}  // namespace hewn::cli
