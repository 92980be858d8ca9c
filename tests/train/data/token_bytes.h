#pragma once
// Token files for tests: those of llm.c, and the ids of any.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "train/data/token_file.h"

namespace hewn::test {

/// A header of 256 i32 that begins with magic number, version and number of ids, then the ids: u32 for Llama 3 (magic
/// number 20240801, version 7), else u16.
inline std::string llmc_file(const std::vector<int32_t>& ids, int32_t magic = 20240520, int32_t version = 1) {
  const int32_t begin[3] = {magic, version, static_cast<int32_t>(ids.size())};
  std::string bytes(1024, '\0');
  std::memcpy(bytes.data(), begin, sizeof begin);
  const size_t width = magic == 20240801 ? 4 : 2;
  for (const int32_t id : ids) bytes.append(reinterpret_cast<const char*>(&id), width);
  return bytes;
}

inline std::vector<int32_t> ids_of(const Tokens& tokens) {
  std::vector<int32_t> ids(static_cast<size_t>(tokens.size()));
  tokens.copy(0, tokens.size(), ids.data());
  return ids;
}

}  // namespace hewn::test
