#include "model/weights/weights.h"

#include <cstring>
#include <set>
#include <sstream>
#include <type_traits>

#include "core/error.h"
#include "model/config_json.h"
#include "model/weights/large_pages.h"

namespace hewn {
namespace {

std::vector<int64_t> sizes_of(const Shape& shape) { return {shape.sizes().begin(), shape.sizes().end()}; }

template <class From>
double element(const void* data, size_t i) {
  From value;
  std::memcpy(&value, static_cast<const uint8_t*>(data) + i * sizeof value, sizeof value);
  if constexpr (std::is_arithmetic_v<From>)
    return static_cast<double>(value);
  else
    return static_cast<double>(static_cast<float>(value));
}

int64_t numel_of(const TensorEntry& entry) {
  int64_t numel = 1;
  for (const int64_t size : entry.shape) numel *= size;
  return numel;
}

/// The values of quantised numbers.
std::vector<float> widened(const TensorEntry& entry) {
  check_blocks(entry);
  std::vector<float> values(static_cast<size_t>(numel_of(entry)));
  widen_blocks(format_of(*entry.blocks), entry.data, numel_of(entry), values.data());
  return values;
}

template <class To>
std::vector<To> converted(const TensorEntry& entry) {
  if (entry.blocks) {
    std::vector<float> values = widened(entry);
    if constexpr (std::is_same_v<To, float>)
      return values;
    else
      return {values.begin(), values.end()};
  }
  std::vector<To> host(static_cast<size_t>(numel_of(entry)));
  if (entry.dtype == dtype_of<To>) {
    if (!host.empty()) std::memcpy(host.data(), entry.data, entry.bytes);
  } else {
    for (size_t i = 0; i < host.size(); ++i) {
      double value = 0;
      switch (entry.dtype) {
        case DType::f64: value = element<double>(entry.data, i); break;
        case DType::f32: value = element<float>(entry.data, i); break;
        case DType::bf16: value = element<BFloat16>(entry.data, i); break;
        case DType::f16: value = element<Float16>(entry.data, i); break;
        default:
          fail(ErrorCode::input, "tensor ", entry.name, " is ", name_of(entry.dtype),
               "; expected floating-point numbers");
      }
      host[i] = static_cast<To>(value);
    }
  }
  return host;
}

/// Takes tables from a file in place of parameters.
void take_tables(const SafetensorsFile& file, Model& model) {
  const Doing reading("reading ", file.path());
  model.take_tables(file);
}

/// Throws ErrorCode::input with a line for each tensor that is missing, unknown, misshapen or of integers.
void check_weights(const SafetensorsFile& file, const Parameters& parameters) {
  std::ostringstream text;
  std::set<std::string> known;
  for (const Parameter& p : parameters.all()) {
    if (p.of_adapter) continue;
    known.insert(p.name);
    const TensorEntry* entry = file.find(p.name);
    if (!entry)
      text << "\n  missing: " << p.name << " " << p.shape;
    else if (entry->shape != sizes_of(p.shape))
      text << "\n  " << p.name << " is " << Shape(entry->shape) << ", but the model needs " << p.shape;
    else if (!is_float(entry->dtype))
      text << "\n  " << p.name << " is " << name_of(entry->dtype) << "; expected floating-point numbers";
  }
  for (const TensorEntry& entry : file.entries())
    if (!known.count(entry.name)) text << "\n  unknown: " << entry.name;
  if (!text.str().empty()) fail(ErrorCode::input, file.path(), " does not fit the model:", text.str());
}

}  // namespace

template <>
std::vector<float> values_of<float>(const TensorEntry& entry) {
  return converted<float>(entry);
}
template <>
std::vector<double> values_of<double>(const TensorEntry& entry) {
  return converted<double>(entry);
}

void check_blocks(const TensorEntry& entry) {
  if (!blocks_are_finite(format_of(*entry.blocks), entry.data, numel_of(entry)))
    fail(ErrorCode::input, "tensor ", entry.name, " has a block (", entry.type_name(),
         ") whose scale is infinite or NaN; the file is damaged");
}

void upload_entry(const TensorEntry& entry, Tensor& to) {
  to.dtype() == DType::f64 ? to.upload(values_of<double>(entry).data())
                           : to.upload(values_of<float>(entry).data());
}

Metadata weights_metadata(const ModelConfig& config) {
  return {{"format", "pt"}, {"hewn.config", to_json(config)}};
}

FileSum save_weights(const std::string& path, const Model& model) {
  std::vector<TensorEntry> entries;
  for (const Parameter& p : model.parameters().all())
    if (!p.of_adapter)
      entries.push_back({.name = p.name, .dtype = p.value.dtype(), .shape = sizes_of(p.shape)});
  const std::vector<TensorEntry> tables = model.tables();
  entries.insert(entries.end(), tables.begin(), tables.end());
  SafetensorsWriter writer(path, entries, weights_metadata(model.config()));
  std::vector<uint8_t> host;
  for (const Parameter& p : model.parameters().all()) {
    if (p.of_adapter) continue;
    const Tensor value = value_of(p);
    host.resize(value.bytes());
    value.device().download(host.data(), value.data(), host.size());
    writer.append(p.name, host.data(), host.size());
  }
  for (const TensorEntry& table : tables) writer.append(table.name, table.data, table.bytes);
  return writer.finish();
}

ModelConfig config_in(const SafetensorsFile& file) {
  const auto config = file.metadata().find("hewn.config");
  if (config == file.metadata().end())
    fail(ErrorCode::input, file.path(),
         " has no model configuration in its metadata, so it was not written by Hewn");
  return model_config_from_json(config->second);
}

std::unique_ptr<Model> open_weights(const std::string& path, Device& device, DType dtype) {
  const auto file = std::make_shared<const SafetensorsFile>(path);
  auto model = declare_model(config_in(*file));
  if (model->counted())
    take_tables(*file, *model);
  else
    check_weights(*file, model->parameters());
  const DType needed = dtype == DType::bf16 ? DType::f32 : dtype;
  const MemUseScope use(MemUse::parameter);
  // For bf16, products read copies.
  const auto tensors = in_large_pages(
      file, device, [&](const TensorEntry& entry) { return dtype != DType::bf16 && entry.dtype == needed; });
  model->parameters().adopt(device, dtype, [&](const Parameter& p) {
    const TensorEntry& entry = *tensors->find(p.name);
    const bool aligned = reinterpret_cast<uintptr_t>(entry.data) % size_of(needed) == 0;
    if (entry.dtype == needed && aligned && device.kind() != Device::Kind::cuda)
      return Storage::borrow(device, const_cast<void*>(entry.data), entry.bytes, tensors);
    Tensor copy = Tensor::empty(device, needed, p.shape);
    upload_entry(entry, copy);
    return copy.storage();
  });
  return model;
}

void load_weights(const std::string& path, Model& model) {
  const SafetensorsFile file(path);
  if (model.counted()) return take_tables(file, model);
  check_weights(file, model.parameters());
  for (Parameter& p : model.parameters().all()) {
    if (p.of_adapter) continue;
    upload_entry(file.at(p.name), p.value);
    take_new_rows(p);
  }
}

}  // namespace hewn
