#pragma once
// Which build this is and what it finds on this machine.

#include <string>

namespace hewn::cli {

/// "0.1.0".
std::string version_number();
/// Compiler, its version, build type and flags, on one line.
std::string build_description();
/// The text of `hewn --version`: version, build, processor, instruction sets, threads, devices and why one is
/// not usable.
std::string version_text();
/// The same as JSON.
std::string version_json();

}  // namespace hewn::cli
