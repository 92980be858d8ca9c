#pragma once
// Runs another program and returns its output.

#include <string>
#include <vector>

namespace hewn::cli {

/// Runs a program found along PATH, without a shell, and returns its standard output; standard input is empty,
/// standard error is discarded. Throws ErrorCode::failed if it cannot be started or its exit status is not 0.
std::string output_of(const std::vector<std::string>& command);

}  // namespace hewn::cli
