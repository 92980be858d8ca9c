#pragma once
// All rooms, for tools that walk every op: conformance tests, `hewn bench kernels`, `hewn info`.

#include <span>

#include "kernels/contract/case.h"

namespace hewn {

struct Room {
  const char* name;  ///< the folder
  Cases (*cases)(
      const CaseRequest&);  ///< its cases at the requested sizes; empty for a dtype without kernels
  /// The sketch of a launch of one of the room's ops with that op's arguments; empty for an
  /// op of another room.
  Sketch (*like)(std::string_view op, const void* args);
};

std::span<const Room> rooms();

}  // namespace hewn
