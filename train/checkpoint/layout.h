#pragma once
// The names in RUN/checkpoints, for the code that writes and finds checkpoints.

#include <cstdint>
#include <optional>
#include <string>

namespace hewn {

inline constexpr const char* checkpoints_directory = "checkpoints";
inline constexpr const char* model_file = "model.safetensors";
inline constexpr const char* optimizer_file = "optimizer.safetensors";
inline constexpr const char* state_file = "state.json";
/// The configuration of the run when the checkpoint was written: a copy of RUN/config.toml, under the same name.
inline constexpr const char* configuration_file = "config.toml";
/// Prefix of directories and links that are being written or removed.
inline constexpr const char* unfinished_prefix = ".unfinished-";

/// "step-001000"
std::string name_of_step(int64_t step);
/// The step of "step-001000"; empty for other names.
std::optional<int64_t> step_of_name(const std::string& name);

}  // namespace hewn
