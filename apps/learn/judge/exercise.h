#pragma once
// An exercise as the judge sees it: its parameters, its cases with their right results, and the place of its function in
// a model that trains. docs/course/ has one for each chapter.

#include <functional>
#include <string>
#include <vector>

#include "apps/learn/judge/matrix.h"
#include "kernels/gpu/simt/grid.h"

namespace hewn::cli::learn {

class Lesson;
struct Training;

/// The role of a parameter in the function of a lesson.
enum class Role : uint8_t {
  array,    ///< Array, to read
  ids,      ///< Ids, to read
  integer,  ///< int
  real,     ///< double
  layer,    ///< Layer, to call
  global,   ///< Global of a kernel, to read
  shared,   ///< Shared of a kernel: a tile, of which a case states the shape
  adds,  ///< Out that already holds something, such as gradients of earlier nodes, to which the result is added
  sets,    ///< Out that holds nothing yet; every element is set. Of a kernel, a Global
  updates  ///< Out whose values the function reads and replaces
};
inline bool is_out(Role role) { return role >= Role::adds; }

struct Parameter {
  const char* name;
  Role role;
};

/// A layer for a lesson to call: a matrix [rows, in] -> [rows, out].
struct LayerFunctions {
  int rows = 0, in = 0, out = 0;
  std::function<Matrix(const Matrix& x)> forward = {};
  /// The gradient of x, from that of the output.
  std::function<Matrix(const Matrix& x, const Matrix& dy)> backward = {};
};

/// The value of a parameter in a case.
struct Value {
  Matrix matrix = {};  ///< of an array; of an Out, its right result: of `adds`, without what it already holds
  Matrix start =
      {};  ///< of an Out, what it holds before; the judge chooses that of `adds` and `sets` if empty
  std::vector<int> ids = {};  ///< of ids: matrix.rows * matrix.cols of them, whose values are unused
  double number = 0;          ///< of an integer or a real
  LayerFunctions layer = {};
  Value() = default;
  Value(Matrix m) : matrix(std::move(m)) {}  // NOLINT(google-explicit-constructor)
};
/// A list of ids, or a matrix of them.
Value ids_value(int rows, int cols, std::vector<int> ids);
Value number_value(double number);
Value layer_value(LayerFunctions layer);
/// An Out with `updates`: what it holds before and after.
Value update_value(Matrix before, Matrix after);

/// Says which slopes an Out must hold: `loss` is a number that depends on a matrix, whose value is `at`, and the Out
/// `parameter` must hold its slope with respect to each element of it.
struct SlopesOf {
  size_t parameter;
  Matrix at;
  std::function<double(const Matrix&)> loss;
};

/// One call of the lesson's function.
struct LessonCase {
  std::string name;           ///< for messages: "1 row"
  std::vector<Value> values;  ///< in the order of the parameters
  std::vector<SlopesOf> slopes =
      {};  ///< those of `values` are measured besides; of small matrices, as this takes long
};

/// How a kernel is launched, and how often it may read global memory.
struct KernelRules {
  Grid (*grid)(const std::vector<Value>& values);
  int64_t (*most_loads)(const std::vector<Value>& values);   ///< elements that it reads if it is written well
  int64_t (*plain_loads)(const std::vector<Value>& values);  ///< for comparison: without shared memory
};

struct Exercise {
  const char* lesson;  ///< the name in LESSON or KERNEL
  std::vector<Parameter> parameters;
  /// The cases, easy ones with slopes first, then those at the limits: empty, one row, one column, large values.
  std::vector<LessonCase> (*cases)();
  /// A likely cause of an endless loop, as a sentence; "" if none is known.
  const char* when_endless = "";
  /// Puts the function into the model in training; null if it has no place there.
  void (*in_training)(Lesson& lesson, Training& training) = nullptr;
  /// Of a kernel, which the emulator runs; null for a function.
  const KernelRules* kernel = nullptr;
};

/// A number to predict, in a chapter without code. The engine computes the right one.
struct Prediction {
  const char* question;
  const char* formula;              ///< "y = x * x"
  std::vector<const char*> values;  ///< "x=3"
  const char* of;                   ///< the value whose gradient is to be predicted
  struct Mistake {
    double answer;
    const char* hint;
  };
  std::vector<Mistake> mistakes;  ///< expected wrong answers
};

}  // namespace hewn::cli::learn
