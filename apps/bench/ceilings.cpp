#include "apps/bench/ceilings.h"

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

constexpr size_t largest_ceilings = size_t{1} << 20;

double speed_of(const Json& value) {
  const double speed = value.get<double>();
  if (!(speed >= 0)) fail(ErrorCode::input, "a speed is negative or NaN");
  return speed;
}

GpuProducts products_of(const Json& entry) {
  GpuProducts products{.shape = entry.at("shape").get<std::string>(),
                       .of_libraries = entry.at("of_libraries").get<bool>()};
  for (const Json& peak : entry.at("peaks"))
    products.peaks.push_back({speed_of(peak.at("flops")), peak.at("by").get<std::string>()});
  return products;
}

}  // namespace

GpuCeilings read_ceilings(const std::string& file, const std::string& gpu) {
  GpuCeilings ceilings{.gpu = gpu};
  if (!path_exists(file)) return ceilings;
  const Doing reading("reading the ceilings in ", file);
  const auto malformed = [](const std::string& what) {
    fail(ErrorCode::input, "the file was not written by --ceilings: ", what, "; remove it to measure again");
  };
  try {
    const Json all = parse_ordered_json(read_small_file(file, largest_ceilings));
    if (all.at("gpu").get<std::string>() != gpu) {
      say("the ceilings in ", file, " are of another GPU and are measured again");
      return ceilings;
    }
    ceilings.copy_speed = speed_of(all.at("copy_bytes_per_s"));
    for (const auto& [dtype, entry] : all.at("products").items())
      ceilings.products[dtype_from_name(dtype)] = products_of(entry);
  } catch (const Json::exception& problem) {
    malformed(json_reason(problem));
  } catch (const Error& problem) {
    malformed(problem.what());
  }
  return ceilings;
}

void write_ceilings(const std::string& file, const GpuCeilings& ceilings) {
  Json products = Json::object();
  for (const auto& [dtype, found] : ceilings.products) {
    Json peaks = Json::array();
    for (const GpuPeak& peak : found.peaks) peaks.push_back({{"by", peak.by}, {"flops", peak.flops}});
    products[std::string(name_of(dtype))] = {
        {"shape", found.shape}, {"of_libraries", found.of_libraries}, {"peaks", peaks}};
  }
  const Json all{{"gpu", ceilings.gpu}, {"copy_bytes_per_s", ceilings.copy_speed}, {"products", products}};
  write_file_atomically(file, json_text(all, 2) + "\n");
}

}  // namespace hewn::cli
