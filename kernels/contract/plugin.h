#pragma once
// A user's own rung in a shared library, which `hewn bench kernels --rung=FILE.so` checks and times next to
// the ladder. The library exports `hewn_rung`, as examples/my_softmax.cpp shows:
//
//   extern "C" const hewn::RungPlugin* hewn_rung() {
//     static constexpr auto rung =
//         hewn::rung_plugin<hewn::SoftmaxForward, my_softmax>("softmax.forward", "mine");
//     return &rung;
//   }

#include "kernels/contract/launch.h"

namespace hewn {

/// Incremented whenever the meaning of Launch, RungPlugin or a room's arguments changes.
inline constexpr uint32_t rung_plugin_version = 1;

/// Describes the rung of a library. Sizes and version come first, since they decide whether the rest is
/// readable.
struct RungPlugin {
  uint32_t version, launch_bytes, args_bytes;
  const char* op;    ///< of the room: "softmax.forward"; `hewn info` lists them
  const char* name;  ///< name of the rung in tables
  void (*run)(const Launch&, const void* args);
  const char* (*why_not)(const void* args);                ///< as in a Rung; null: accepts all
  size_t (*scratch_bytes)(const void* args, int threads);  ///< as in a Rung; null: none
};

/// Describes the rung `kernel` over the arguments A, which the op's room declares in its abi.h. `why_not` is
/// a function (const A&) that returns a reason to decline or null; `scratch_bytes` is a function (const A&,
/// int threads).
template <class A, void (*kernel)(const Launch&, const A&), auto why_not = nullptr,
          auto scratch_bytes = nullptr>
constexpr RungPlugin rung_plugin(const char* op, const char* name) {
  RungPlugin plugin{rung_plugin_version, sizeof(Launch), sizeof(A), op, name, nullptr, nullptr, nullptr};
  plugin.run = [](const Launch& launch, const void* args) { kernel(launch, *static_cast<const A*>(args)); };
  if constexpr (why_not != nullptr)
    plugin.why_not = [](const void* args) { return why_not(*static_cast<const A*>(args)); };
  if constexpr (scratch_bytes != nullptr)
    plugin.scratch_bytes = [](const void* args, int threads) {
      return scratch_bytes(*static_cast<const A*>(args), threads);
    };
  return plugin;
}

}  // namespace hewn

/// The only function that a library with a rung exports.
extern "C" const hewn::RungPlugin* hewn_rung();
