#pragma once
// All rooms, for tools that go through every op: conformance tests, `hewn bench kernels`, `hewn info`.

#include <span>

#include "kernels/contract/case.h"

namespace hewn {

struct Room {
  const char* name;                    ///< the folder
  Cases (*cases)(const CaseRequest&);  ///< its kernels at the requested sizes; empty where a dtype has none
  /// The sketch of a launch of one of its ops, by that op's arguments; makes nothing for an op of other
  /// rooms.
  Sketch (*like)(std::string_view op, const void* args);
};

std::span<const Room> rooms();

}  // namespace hewn
