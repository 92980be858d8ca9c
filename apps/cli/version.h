#pragma once
// Information about this build and this machine.

#include <string>

namespace hewn::cli {

/// "0.3.0".
std::string version_number();
/// The commit that was built, such as "440f9c8f4c1a", or "440f9c8f4c1a-dirty" if files had changed since, or
/// "unknown" with the reason.
std::string commit();
/// Compiler, its version, build type and flags, on one line.
std::string build_description();
/// Where to report bugs: an address or a description (CMake's HEWN_BUGS_URL).
std::string bug_reports();
/// The text of `hewn --version`: version, build, processor, instruction sets, threads, devices, and why a
/// device is not usable.
std::string version_text();
/// The same as JSON.
std::string version_json();

}  // namespace hewn::cli
