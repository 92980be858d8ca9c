#pragma once
// Another program's output.

#include <string>
#include <vector>

namespace hewn::cli {

/// Runs a program found along PATH, without a shell, and returns its standard output; its standard error and
/// input are empty. Throws ErrorCode::failed when it cannot be started or does not exit with 0.
std::string output_of(const std::vector<std::string>& command);

}  // namespace hewn::cli
