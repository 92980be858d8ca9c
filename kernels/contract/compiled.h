#pragma once

namespace hewn {

/// Which GPU code this build contains.
#ifdef HEWN_WITH_EMULATOR
inline constexpr bool emulator_compiled = true;
#else
inline constexpr bool emulator_compiled = false;
#endif
#ifdef HEWN_WITH_CUDA
inline constexpr bool cuda_compiled = true;
#else
inline constexpr bool cuda_compiled = false;
#endif

}  // namespace hewn
