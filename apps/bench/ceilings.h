#pragma once
// `hewn bench kernels --ceilings=FILE`: the highest speeds of a GPU, measured once and kept for later calls.

#include <map>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace hewn::cli {

/// The FLOP/s that a library or rung reaches, or that the GPU's vendor states.
struct GpuPeak {
  double flops = 0;
  std::string by;
};

/// A large product in one dtype, by our preferred rung and by libraries.
struct GpuProducts {
  std::string shape;
  std::vector<GpuPeak> peaks{};
  bool of_libraries = false;  ///< whether libraries were measured too
};

struct GpuCeilings {
  std::string gpu;        ///< name of the GPU
  double copy_speed = 0;  ///< bytes per second, read and written; 0: not measured
  std::map<DType, GpuProducts> products{};
};

/// The ceilings in the file; none if it does not exist or describes a GPU other than `gpu`. Throws input for
/// a malformed file.
GpuCeilings read_ceilings(const std::string& file, const std::string& gpu);
void write_ceilings(const std::string& file, const GpuCeilings& ceilings);

}  // namespace hewn::cli
