#pragma once
// Diagnoses the mistake behind a wrong gradient.

#include <string>
#include <vector>

#include "core/shape.h"

namespace hewn {

/// A factor that a gradient may lack, or contain once too often: {"the head size D", 64}.
struct NamedFactor {
  std::string name;
  double value = 1;
};

/// The gradient of a tensor by the tape, and its measured slopes at some entries.
struct WrongGradient {
  Shape shape;
  std::vector<double> value;  ///< of the tensor, row-major
  std::vector<double> tape;   ///< the complete gradient by the tape
  std::vector<int64_t> entries;
  std::vector<double> measured;  ///< slopes at `entries`
  /// The output of the operation whose backward pass is suspected, if it has the same number of elements;
  /// else empty.
  std::vector<double> output = {};
  /// The gradient of the output of the node that uses the tensor, if there is one.
  std::vector<double> output_grad = {};
  /// The gradient just before a node added to it, and the name of that node.
  struct Earlier {
    std::string node;
    std::vector<double> grad;
  };
  std::vector<Earlier> earlier = {};
  std::vector<std::string> silent = {};  ///< nodes that use the tensor but contribute nothing
  std::vector<double> previous = {};     ///< of a leaf: its gradient in the previous pass
  std::vector<NamedFactor> numbers = {};
  std::string whose = "the tape";  ///< the origin of `tape`, for the text
};

/// The diagnosis, as the end of a sentence: "the tape has 1/8 of the measured slope in every entry: a factor
/// of 8 (the head size D) is missing". "" if no known mistake fits. `noise` is the error of a measured slope.
std::string mistake_in(const WrongGradient& wrong, double noise);

}  // namespace hewn
