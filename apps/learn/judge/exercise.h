#pragma once
// An exercise for the judge: its parameters, its cases with their correct results, and the use of its
// function in training a model. docs/course/ has one for each chapter.

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
  shared,   ///< Shared of a kernel: a tile whose shape the case defines
  adds,  ///< Out with initial values, such as gradients of earlier nodes, to which the result is added
  sets,    ///< Out without initial values; every element is set. Of a kernel, a Global
  updates  ///< Out whose values the function reads and replaces
};
inline bool is_out(Role role) { return role >= Role::adds; }

struct Parameter {
  const char* name;
  Role role;
};

/// A layer that a lesson can call: a matrix [rows, in] -> [rows, out].
struct LayerFunctions {
  int rows = 0, in = 0, out = 0;
  std::function<Matrix(const Matrix& x)> forward = {};
  /// The gradient of x, given that of the output.
  std::function<Matrix(const Matrix& x, const Matrix& dy)> backward = {};
};

/// The value of a parameter in a case.
struct Value {
  Matrix matrix = {};  ///< value of an array, or correct result of an Out; for `adds`, without its initial
                       ///< values
  Matrix start =
      {};  ///< initial values of an Out; if empty, chosen by the judge for `adds` and `sets`
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
/// An Out with `updates`: its values before and after.
Value update_value(Matrix before, Matrix after);

/// The slopes that an Out must hold: `loss` is a scalar function of a matrix with value `at`, and the Out
/// `parameter` must hold its slope with respect to each element of that matrix.
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
      {};  ///< also compare `values` with measured slopes; for small matrices only, since that takes long
};

/// The launch of a kernel, and its limits on reads of global memory.
struct KernelRules {
  Grid (*grid)(const std::vector<Value>& values);
  int64_t (*most_loads)(const std::vector<Value>& values);   ///< elements that a good kernel reads
  int64_t (*plain_loads)(const std::vector<Value>& values);  ///< elements read without shared memory, for
                                                             ///< comparison
};

struct Exercise {
  const char* lesson;  ///< the name in LESSON or KERNEL
  std::vector<Parameter> parameters;
  /// The cases, easy ones with slopes first, then edge cases: empty, one row, one column, large values.
  std::vector<LessonCase> (*cases)();
  /// A likely cause of an endless loop, as a sentence; "" if none is known.
  const char* when_endless = "";
  /// Uses the function in training a model; null if it is not used there.
  void (*in_training)(Lesson& lesson, Training& training) = nullptr;
  /// The rules of a kernel, which the emulator runs; null for a function.
  const KernelRules* kernel = nullptr;
};

/// A number to predict, in a chapter without code. The engine computes the correct value.
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
