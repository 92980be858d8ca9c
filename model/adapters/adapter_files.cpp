#include "model/adapters/adapter_files.h"

#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/io/path.h"
#include "model/adapters/adapter_config.h"
#include "model/gpt.h"
#include "model/weights/place.h"
#include "model/weights/safetensors/safetensors.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

constexpr std::string_view prefix = "base_model.model.", suffix_a = ".lora_A.weight",
                           suffix_b = ".lora_B.weight";
constexpr size_t most_config_bytes = size_t{16} << 20;

/// "transformer.h.0.attn.c_attn" of the name of its A; "" for other names.
std::string layer_of_a(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix_a)) return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix_a.size());
  return std::string(name);
}

std::vector<double> transposed(const std::vector<double>& values, int64_t rows, int64_t cols) {
  std::vector<double> all(values.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c)
      all[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * cols + c)];
  return all;
}

/// A matrix of floating-point numbers, [rows, cols]; negative rows or columns: any number.
bool is_matrix(const TensorEntry& entry, int64_t rows, int64_t cols) {
  return is_float(entry.dtype) && entry.shape.size() == 2 && (rows < 0 || entry.shape[0] == rows) &&
         (cols < 0 || entry.shape[1] == cols);
}

/// Reads the files of one adapter for one model.
class Reader {
 public:
  Reader(const std::string& directory, Model& model)
      : config_(read_config(directory)),
        file_((fs::path(directory) / adapter_weights_file).string()),
        model_(model),
        layers_(layers_by_name(model, true)),
        whole_(whole_by_name(model)) {}

  AdapterFiles read() {
    const Doing context("reading ", file_.path());
    for (const TensorEntry& entry : file_.entries()) read_entry(entry);
    for (const TensorEntry& entry : file_.entries())
      if (!used_.contains(entry.name)) misfits_.add("unknown: ", entry.name);
    misfits_.check("the adapter does not fit the model");
    if (files_.changes.empty()) fail(ErrorCode::input, "the file has no adapted layer");
    return std::move(files_);
  }

 private:
  static PeftConfig read_config(const std::string& directory) {
    const std::string path = (fs::path(directory) / adapter_config_file).string();
    const Doing context("reading ", path);
    return peft_config_from_json(read_small_file(path, most_config_bytes));
  }

  void read_entry(const TensorEntry& a) {
    if (const std::string layer = layer_of_a(a.name); !layer.empty()) return read_layer(layer, a);
    const auto found = whole_.find(a.name.starts_with(prefix) ? a.name.substr(prefix.size()) : "");
    if (found == whole_.end()) return;
    const Parameter* const p = found->second;
    used_.insert(a.name);
    const auto sizes = p->shape.sizes();
    if (!is_float(a.dtype) || !std::equal(sizes.begin(), sizes.end(), a.shape.begin(), a.shape.end()))
      return misfits_.add(a.name, " is ", name_of(a.dtype), " ", Shape(a.shape), "; the model needs ",
                          p->shape);
    files_.whole.push_back({p->name, values_of<double>(a)});
  }

  void read_layer(const std::string& layer, const TensorEntry& a) {
    const std::string name_b = std::string(prefix) + layer + std::string(suffix_b);
    const TensorEntry* const b = file_.find(name_b);
    const auto found = layers_.find(layer);
    used_.insert(a.name);
    used_.insert(name_b);
    if (found == layers_.end()) return misfits_.add("no such layer, or one that takes no adapter: ", layer);
    if (!b) return misfits_.add("missing: ", name_b);
    const NamedColumns& columns = found->second;
    const int64_t in = columns.parameter->shape[0], rank = config_.rank_of(layer);
    if (!is_matrix(a, rank, in))
      return misfits_.add(a.name, " is ", name_of(a.dtype), " ", Shape(a.shape), "; expected [", rank, ", ",
                          in, "]");
    if (!is_matrix(*b, columns.width, rank))
      return misfits_.add(b->name, " is ", name_of(b->dtype), " ", Shape(b->shape), "; expected [",
                          columns.width, ", ", rank, "]");
    LowRankChange change{.parameter = columns.parameter->name,
                         .first = columns.first,
                         .width = columns.width,
                         .rank = rank,
                         .scale = config_.scale_of(layer),
                         .a = values_of<double>(a),
                         .b = transposed(values_of<double>(*b), columns.width, rank)};
    reorder_rotary(change.b, columns, model_.config(), true);
    files_.changes.push_back(std::move(change));
  }

  PeftConfig config_;
  SafetensorsFile file_;
  Model& model_;
  std::map<std::string, NamedColumns> layers_;
  std::map<std::string, Parameter*> whole_;
  std::set<std::string, std::less<>> used_;
  Misfits misfits_;
  AdapterFiles files_;
};

void upload(const std::vector<double>& values, Tensor& to) {
  if (to.dtype() == DType::f64) return to.upload(values.data());
  const std::vector<float> narrow(values.begin(), values.end());
  to.upload(narrow.data());
}

/// The matrices of one of our layers, from the changes of its columns, which must share one A.
void load_layer(const std::vector<const LowRankChange*>& parts, Parameter& weight) {
  const Adapter& adapter = *weight.adapter;
  const int64_t rank = adapter.a->shape[0], out = weight.shape[1];
  std::vector<double> b(static_cast<size_t>(rank * out));
  int64_t filled = 0;
  for (const LowRankChange* part : parts) {
    if (part->rank != rank || part->a != parts[0]->a || part->scale != adapter.scale)
      fail(ErrorCode::input, layer_name(weight), " has rank ", part->rank, " and scale ", part->scale,
           "; training can continue only with one A of rank ", rank, " and scale ", adapter.scale);
    for (int64_t r = 0; r < rank; ++r)
      std::copy_n(part->b.begin() + r * part->width, part->width, b.begin() + r * out + part->first);
    filled += part->width;
  }
  if (filled != out)
    fail(ErrorCode::input, layer_name(weight), " has an adapter in the model, but not in the file");
  upload(parts[0]->a, adapter.a->value);
  upload(b, adapter.b->value);
}

/// Columns [first, first + width) of B [r, out], as PEFT's [width, r].
std::vector<double> columns_of_b(const Adapter& adapter, const NamedColumns& columns,
                                 const ModelConfig& config) {
  const int64_t rank = adapter.b->shape[0], out = adapter.b->shape[1];
  const std::vector<double> all = adapter.b->value.doubles();
  std::vector<double> some;
  for (int64_t r = 0; r < rank; ++r)
    some.insert(some.end(), all.begin() + r * out + columns.first,
                all.begin() + r * out + columns.first + columns.width);
  reorder_rotary(some, columns, config, false);
  return transposed(some, rank, columns.width);
}

/// The layers as target_modules lists them: the last word of their names where it means no others.
std::vector<std::string> target_modules(const std::map<std::string, NamedColumns>& layers) {
  std::set<std::string> whole_words, words, names;
  const auto word = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
  for (const auto& [name, columns] : layers)
    if (columns.parameter->adapter) words.insert(word(name));
  whole_words = words;
  for (const auto& [name, columns] : layers)
    if (!columns.parameter->adapter) whole_words.erase(word(name));
  for (const auto& [name, columns] : layers)
    if (columns.parameter->adapter) names.insert(whole_words.contains(word(name)) ? word(name) : name);
  return {names.begin(), names.end()};
}

PeftDescription description_of(Model& model, const std::map<std::string, NamedColumns>& layers,
                               const std::string& base) {
  const Adapter& any = *adapted(model).at(0)->adapter;
  PeftDescription d;
  d.rank = any.a->shape[0];
  d.alpha = any.scale * static_cast<double>(d.rank);
  d.dropout = any.dropout;
  d.input_first = !has_llama_names(model.config());
  d.layers = target_modules(layers);
  d.base = base;
  d.classifies = model.config().classifies();
  if (d.classifies) d.whole = {"score"};
  return d;
}

/// A tensor to write; its values are computed when its turn comes.
struct Outgoing {
  TensorEntry entry;
  std::function<std::vector<double>()> values;
};

std::vector<Outgoing> tensors_of(Model& model, const std::map<std::string, NamedColumns>& layers) {
  std::vector<Outgoing> all;
  for (const auto& layer : layers) {
    const NamedColumns& columns = layer.second;
    if (!columns.parameter->adapter) continue;
    const Adapter& adapter = *columns.parameter->adapter;
    const int64_t rank = adapter.a->shape[0];
    const DType type = adapter.a->value.dtype();
    const std::string full = std::string(prefix) + layer.first;
    all.push_back(
        {{.name = full + std::string(suffix_a), .dtype = type, .shape = {rank, adapter.a->shape[1]}},
         [&adapter] { return adapter.a->value.doubles(); }});
    all.push_back({{.name = full + std::string(suffix_b), .dtype = type, .shape = {columns.width, rank}},
                   [&adapter, &columns, &model] { return columns_of_b(adapter, columns, model.config()); }});
  }
  for (const auto& [name, p] : whole_by_name(model)) {
    if (!p->trains && !p->new_rows) continue;
    const auto sizes = p->shape.sizes();
    all.push_back({{.name = std::string(prefix) + name,
                    .dtype = p->value.dtype(),
                    .shape = {sizes.begin(), sizes.end()}},
                   [p = p] { return value_of(*p).doubles(); }});
  }
  return all;
}

FileSum write_tensors(const std::string& path, const std::vector<Outgoing>& tensors,
                      const ModelConfig& config) {
  std::vector<TensorEntry> entries;
  for (const Outgoing& tensor : tensors) entries.push_back(tensor.entry);
  SafetensorsWriter writer(path, entries, weights_metadata(config));
  for (const Outgoing& tensor : tensors) {
    const std::vector<double> values = tensor.values();
    const std::vector<float> narrow(values.begin(), values.end());
    if (tensor.entry.dtype == DType::f64)
      writer.append(tensor.entry.name, values.data(), values.size() * sizeof values[0]);
    else
      writer.append(tensor.entry.name, narrow.data(), narrow.size() * sizeof narrow[0]);
  }
  return writer.finish();
}

}  // namespace

bool holds_adapter(const std::string& directory) {
  return path_exists(fs::path(directory) / adapter_config_file);
}

AdapterFiles read_adapter(const std::string& directory, Model& declared) {
  return Reader(directory, declared).read();
}

void load_adapter(const std::string& directory, Model& model) {
  const AdapterFiles files = read_adapter(directory, model);
  std::map<std::string, std::vector<const LowRankChange*>> parts;
  for (const LowRankChange& change : files.changes) parts[change.parameter].push_back(&change);
  const Doing context("loading the adapter in ", directory);
  for (Parameter* weight : adapted(model)) {
    const auto found = parts.find(weight->name);
    if (found == parts.end()) fail(ErrorCode::input, layer_name(*weight), " has no adapter in the file");
    load_layer(found->second, *weight);
    parts.erase(found);
  }
  if (!parts.empty())
    fail(ErrorCode::input, "the file has an adapter of ", parts.begin()->first, ", but the model has none");
  for (const WholeParameter& whole : files.whole) {
    Parameter& p = *model.parameters().find(whole.parameter);
    upload(whole.values, p.value);
    take_new_rows(p);
  }
}

WrittenAdapter write_adapter(const std::string& directory, Model& model, const std::string& base) {
  const std::map<std::string, NamedColumns> layers = layers_by_name(model, false);
  const fs::path into(directory);
  WrittenAdapter written;
  written.config = write_file_atomically((into / adapter_config_file).string(),
                                         to_json(description_of(model, layers, base)));
  written.weights =
      write_tensors((into / adapter_weights_file).string(), tensors_of(model, layers), model.config());
  return written;
}

}  // namespace hewn
