#pragma once
// The vocabulary of lessons of `hewn learn`: arrays that check every index, layers to call, and LESSON, which
// registers a function with the judge; for GPU kernels KERNEL, memory that an emulator watches, and CUDA's
// names. The header is self-contained: `hewn learn check` writes it next to the lesson and compiles both.

#include <cmath>

namespace hewn::lesson {

struct Workshop;

/// A parameter that the judge passes to a lesson, or a value that the judge computed for it.
struct Operand {
  const char* name;  ///< "dy", "mlp(x)"
  int rows, cols;    ///< a list has one row
  double* values;    ///< of Array, Out and Global: rows * cols, row by row
  const int* ids;    ///< of Ids: the same
  double number;     ///< of a double or an int
  /// Called for an index outside of the array, with the line of the lesson; with one index, that is `col`. Does not
  /// return.
  void (*outside)(const Operand& array, int indices, int row, int col, int line);
  Workshop* workshop;
};

/// The services of the judge for a lesson. Results live until the lesson's function returns. A call with
/// mismatched shapes does not return.
struct Workshop {
  virtual const Operand& sum(const Operand& a, const Operand& b) = 0;
  /// Replaces all elements of `out`, or adds to them.
  virtual void write(const Operand& out, const Operand& from, bool adds) = 0;
  virtual const Operand& forward(const Operand& layer, const Operand& x) = 0;
  virtual const Operand& backward(const Operand& layer, const Operand& dy) = 0;

 protected:
  ~Workshop() = default;
};

/// A coordinate of a kernel's thread, such as threadIdx.x.
struct Coordinate {
  int number;
  operator int() const;
};

/// An index, and the line of the lesson in which it is used.
struct Index {
  int value, line;
  Index(int i, int at = __builtin_LINE()) : value(i), line(at) {}
  Index(Coordinate i, int at = __builtin_LINE()) : value(i), line(at) {}
};

/// Indexing. Arrays have `rows` and `cols`; a list, with a single row or column, can also be indexed by one
/// number.
class Indexed {
 public:
  const int rows, cols;

 protected:
  explicit Indexed(const Operand& given) : rows(given.rows), cols(given.cols), operand_(&given) {}
  int at(Index r, Index c) const {
    if (r.value < 0 || r.value >= rows || c.value < 0 || c.value >= cols)
      operand_->outside(*operand_, 2, r.value, c.value, c.line);
    return r.value * cols + c.value;
  }
  int at(Index i) const {
    if ((rows != 1 && cols != 1) || i.value < 0 || i.value >= rows * cols)
      operand_->outside(*operand_, 1, 0, i.value, i.line);
    return i.value;
  }
  const Operand* operand_;
};

/// Numbers: an Array or an Out.
class Numbers : public Indexed {
 public:
  double operator()(Index r, Index c) const { return operand_->values[at(r, c)]; }
  double operator()(Index i) const { return operand_->values[at(i)]; }
  const Operand& operand() const { return *operand_; }

 protected:
  explicit Numbers(const Operand& given) : Indexed(given) {}
};

/// Numbers to read: y(r, c), or b(i) of a list.
class Array : public Numbers {
 public:
  explicit Array(const Operand& given) : Numbers(given) {}
};

/// The sum, element by element, of two arrays of the same shape.
inline Array operator+(const Numbers& a, const Numbers& b) {
  return Array(a.operand().workshop->sum(a.operand(), b.operand()));
}

/// Whole numbers to read, such as tokens: ids(i), or ids(r, c).
class Ids : public Indexed {
 public:
  explicit Ids(const Operand& operand) : Indexed(operand) {}
  int operator()(Index r, Index c) const { return operand_->ids[at(r, c)]; }
  int operator()(Index i) const { return operand_->ids[at(i)]; }
};

/// Numbers to write: dx.set(r, c, value) replaces an element, dx.add(r, c, value) adds to it, dx(r, c) reads
/// it. With an array of the same shape, dx.set(array) and dx.add(array) do so for all elements.
class Out : public Numbers {
 public:
  explicit Out(const Operand& given) : Numbers(given) {}
  void set(Index r, Index c, double value) { operand_->values[at(r, c)] = value; }
  void set(Index i, double value) { operand_->values[at(i)] = value; }
  void add(Index r, Index c, double value) { operand_->values[at(r, c)] += value; }
  void add(Index i, double value) { operand_->values[at(i)] += value; }
  void set(const Numbers& all) { operand_->workshop->write(*operand_, all.operand(), false); }
  void add(const Numbers& all) { operand_->workshop->write(*operand_, all.operand(), true); }
};

/// A layer of a model, to call: y = mlp(x). From the gradient of y, mlp.backward(dy) computes the gradient of x, the
/// array of its last call.
class Layer {
 public:
  explicit Layer(const Operand& operand) : operand_(&operand) {}
  Array operator()(const Numbers& x) const {
    return Array(operand_->workshop->forward(*operand_, x.operand()));
  }
  Array backward(const Numbers& dy) const {
    return Array(operand_->workshop->backward(*operand_, dy.operand()));
  }

 private:
  const Operand* operand_;
};

/// The emulated GPU that the judge passes to a kernel. The functions act on the calling thread.
struct Gpu {
  int (*coordinate)(int number);  ///< x and y of threadIdx, blockIdx, blockDim and gridDim, in this order
  void (*barrier)();
  float (*load)(const Operand& memory, Index row, Index col);
  void (*store)(const Operand& memory, Index row, Index col, float value);
};
inline const Gpu* gpu = nullptr;

inline Coordinate::operator int() const { return gpu->coordinate(number); }

/// The position of a thread in its block, the position of its block in the grid, and the sizes of both.
struct Coordinates {
  Coordinate x, y;
};
inline constexpr Coordinates threadIdx{{0}, {1}}, blockIdx{{2}, {3}}, blockDim{{4}, {5}}, gridDim{{6}, {7}};

/// Numbers in the memory of a GPU: a(r, c) reads an element, a.set(r, c, value) replaces it.
class Memory {
 public:
  const int rows, cols;
  explicit Memory(const Operand& operand) : rows(operand.rows), cols(operand.cols), operand_(&operand) {}
  float operator()(Index r, Index c) const { return gpu->load(*operand_, r, c); }
  void set(Index r, Index c, float value) { gpu->store(*operand_, r, c, value); }

 private:
  const Operand* operand_;
};
/// A matrix in global memory, which all threads use.
struct Global : Memory {
  using Memory::Memory;
};
/// A matrix in shared memory; every block has its own.
struct Shared : Memory {
  using Memory::Memory;
};

/// The letter of a parameter type T for the judge, and its conversion from an operand.
template <class T, char Letter>
struct Named {
  static constexpr char letter = Letter;
  static T of(const Operand& operand) { return T(operand); }
};
template <class T>
struct Parameter;
template <>
struct Parameter<Array> : Named<Array, 'A'> {};
template <>
struct Parameter<Ids> : Named<Ids, 'I'> {};
template <>
struct Parameter<Out> : Named<Out, 'O'> {};
template <>
struct Parameter<Layer> : Named<Layer, 'L'> {};
template <>
struct Parameter<Global> : Named<Global, 'G'> {};
template <>
struct Parameter<Shared> : Named<Shared, 'S'> {};
template <>
struct Parameter<double> {
  static constexpr char letter = 'd';
  static double of(const Operand& operand) { return operand.number; }
};
template <>
struct Parameter<int> {
  static constexpr char letter = 'i';
  static int of(const Operand& operand) { return static_cast<int>(operand.number); }
};

/// Incremented whenever the meaning of Operand or Entry changes.
inline constexpr int version = 2;

/// The export of a compiled lesson.
struct Entry {
  int version;
  const char* name;     ///< "softmax_backward"
  const char* letters;  ///< of its parameters, in order: "AAO"
  void (*run)(const Operand* operands);
  const Gpu** gpu =
      nullptr;  ///< of a kernel: where the judge stores the GPU that runs it, once per thread
};

template <class... P>
struct Signature {
  static constexpr char letters[] = {Parameter<P>::letter..., '\0'};
};
template <class... P>
constexpr const char* letters_of(void (*)(P...)) {
  return Signature<P...>::letters;
}

/// Calls f with the operands; braces guarantee their order.
template <class... P>
void call(void (*f)(P...), const Operand* operands) {
  struct Call {
    Call(void (*g)(P...), P... parameters) { g(parameters...); }
  };
  struct Rest {
    const Operand* next;
    const Operand& take() { return *next++; }
  } rest{operands};
  Call{f, Parameter<P>::of(rest.take())...};
}

}  // namespace hewn::lesson

// Names for lessons, which are single files without namespaces.
using hewn::lesson::Array;
using hewn::lesson::blockDim;
using hewn::lesson::blockIdx;
using hewn::lesson::Global;
using hewn::lesson::gridDim;
using hewn::lesson::Ids;
using hewn::lesson::Layer;
using hewn::lesson::Out;
using hewn::lesson::Shared;
using hewn::lesson::threadIdx;

/// CUDA's barrier: waits until all threads of the block have arrived.
inline void __syncthreads() { hewn::lesson::gpu->barrier(); }

#ifndef HEWN_LESSON_ENTRY
#define HEWN_LESSON_ENTRY hewn_lesson
#endif

/// The entry of a lesson, and the beginning of its function.
#define HEWN_LESSON(name, parameters, gpu)                                                       \
  static void name parameters;                                                                   \
  extern "C" const void* HEWN_LESSON_ENTRY() {                                                   \
    static const hewn::lesson::Entry entry = {                                                   \
        hewn::lesson::version, #name, hewn::lesson::letters_of(name),                            \
        [](const hewn::lesson::Operand* operands) { hewn::lesson::call(name, operands); }, gpu}; \
    return &entry;                                                                               \
  }                                                                                              \
  static void name parameters

/// Begins the function of a lesson: LESSON(softmax_backward, (Array y, Array dy, Out dx)) { ... }
#define LESSON(name, parameters) HEWN_LESSON(name, parameters, nullptr)

/// Begins a kernel, which the judge runs once for each thread: KERNEL(add, (Global a, Global b, Global sum)) { ... }
#define KERNEL(name, parameters) HEWN_LESSON(name, parameters, &hewn::lesson::gpu)
