#include "apps/learn/judge/lesson_call.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace hewn::cli::learn {
namespace {

template <class... Parts>
[[noreturn]] void wrong(const Parts&... parts) {
  fail(ErrorCode::numerical, parts...);
}

struct Kind {
  char letter;
  const char* type;
};
Kind kind_of(Role role, bool kernel) {
  switch (role) {
    case Role::array: return {'A', "Array"};
    case Role::ids: return {'I', "Ids"};
    case Role::integer: return {'i', "int"};
    case Role::real: return {'d', "double"};
    case Role::layer: return {'L', "Layer"};
    case Role::global: return {'G', "Global"};
    case Role::shared: return {'S', "Shared"};
    case Role::adds:
    case Role::sets:
    case Role::updates: break;
  }
  return kernel ? Kind{'G', "Global"} : Kind{'O', "Out"};
}
bool is_number(Role role) { return role == Role::integer || role == Role::real; }

std::string counted(int n, const char* one, const char* several) {
  return join(n, " ", n == 1 ? one : several);
}

std::string range_of(int n) { return n == 0 ? "there is none" : join("0 to ", n - 1); }

void outside(const lesson::Operand& o, int indices, int row, int col, int line) {
  if (indices == 1 && o.rows != 1 && o.cols != 1)
    wrong("line ", line, ": ", o.name, "(", col, ") has one index, but ", o.name, " has ",
          counted(o.rows, "row", "rows"), " and ", counted(o.cols, "column", "columns"), "; give ", o.name,
          "(row, column)");
  if (indices == 1)
    wrong("line ", line, ": ", o.name, "(", col, ") is outside: ", o.name, " has ",
          counted(o.rows * o.cols, "element", "elements"), " (", range_of(o.rows * o.cols), ")");
  wrong("line ", line, ": ", outside_text(o, row, col));
}

std::string shape_text(int rows, int cols) { return join("[", rows, ", ", cols, "]"); }
std::string shape_text(const lesson::Operand& o) { return shape_text(o.rows, o.cols); }

Matrix content_of(const lesson::Operand& o) {
  return {o.rows, o.cols, {o.values, o.values + int64_t{o.rows} * o.cols}};
}

/// Calls layers, and keeps what they and sums result in, by names for messages: "x + attn(ln_1(x))".
class KeepingWorkshop final : public lesson::Workshop {
 public:
  void add(const char* name, const LayerFunctions& layer) { layers_.push_back({name, &layer}); }

  const lesson::Operand& sum(const lesson::Operand& a, const lesson::Operand& b) override {
    const std::string name = join(a.name, " + ", b.name);
    if (a.rows != b.rows || a.cols != b.cols)
      wrong(name, ": ", a.name, " is ", shape_text(a), ", ", b.name, " ", shape_text(b));
    Matrix result = content_of(a);
    for (size_t i = 0; i < result.values.size(); ++i) result.values[i] += b.values[i];
    return keep(name, std::move(result));
  }
  void write(const lesson::Operand& out, const lesson::Operand& from, bool adds) override {
    if (out.rows != from.rows || out.cols != from.cols)
      wrong(out.name, adds ? ".add(" : ".set(", from.name, "): ", out.name, " is ", shape_text(out), ", ",
            from.name, " ", shape_text(from));
    for (int64_t i = 0; i < int64_t{out.rows} * out.cols; ++i)
      out.values[i] = from.values[i] + (adds ? out.values[i] : 0);
  }
  const lesson::Operand& forward(const lesson::Operand& layer, const lesson::Operand& x) override {
    Called& called = layer_named(layer.name);
    const std::string name = join(layer.name, "(", x.name, ")");
    check(name, *called.layer, called.layer->in, x);
    called.x = content_of(x);
    return keep(name, called.layer->forward(*called.x));
  }
  const lesson::Operand& backward(const lesson::Operand& layer, const lesson::Operand& dy) override {
    const Called& called = layer_named(layer.name);
    const std::string name = join(layer.name, ".backward(", dy.name, ")");
    if (!called.x)
      wrong(name, ": ", layer.name, " was not called before, so there is no x whose gradient this could be");
    check(name, *called.layer, called.layer->out, dy);
    return keep(name, called.layer->backward(*called.x, content_of(dy)));
  }

 private:
  static constexpr size_t most_name = 60;  // names of names grow
  struct Called {
    const char* name;
    const LayerFunctions* layer;
    std::optional<Matrix> x = {};  // of the last call
  };
  struct Kept {
    std::string name;
    Matrix matrix;
    lesson::Operand operand;
  };

  Called& layer_named(const char* name) {
    return *std::find_if(layers_.begin(), layers_.end(),
                         [&](const Called& c) { return std::string_view(c.name) == name; });
  }
  static void check(const std::string& name, const LayerFunctions& layer, int cols,
                    const lesson::Operand& given) {
    if (given.rows != layer.rows || given.cols != cols)
      wrong(name, ": ", given.name, " is ", shape_text(given), ", but must be ",
            shape_text(layer.rows, cols));
  }
  const lesson::Operand& keep(std::string name, Matrix matrix) {
    if (name.size() > most_name) name = name.substr(0, most_name) + "...";
    Kept& kept = kept_.emplace_back(Kept{std::move(name), std::move(matrix), {}});
    kept.operand = {kept.name.c_str(), kept.matrix.rows,
                    kept.matrix.cols,  kept.matrix.values.data(),
                    nullptr,           0,
                    outside,           this};
    return kept.operand;
  }

  std::deque<Called> layers_;
  std::deque<Kept> kept_;
};

/// Memory with guards on both sides.
template <class T>
class Guarded {
 public:
  explicit Guarded(const std::vector<T>& content)
      : content_(content), memory_(content.size() + 2 * guard, mark()) {
    std::copy(content.begin(), content.end(), begin());
  }
  T* data() { return memory_.data() + guard; }
  bool guards_intact() const {
    const auto intact = [&](size_t first) {
      for (size_t i = first; i < first + guard; ++i) {
        const T expected = mark();
        if (std::memcmp(&memory_[i], &expected, sizeof(T)) != 0) return false;
      }
      return true;
    };
    return intact(0) && intact(memory_.size() - guard);
  }
  bool content_intact() const {
    return content_.empty() ||
           std::memcmp(memory_.data() + guard, content_.data(), content_.size() * sizeof(T)) == 0;
  }
  std::vector<T> content() { return {begin(), memory_.end() - guard}; }

 private:
  static constexpr size_t guard = 32;
  static T mark() { return static_cast<T>(-1234567); }
  auto begin() { return memory_.begin() + guard; }

  const std::vector<T>& content_;
  std::vector<T> memory_;
};

}  // namespace

std::string first_line_of(const Exercise& exercise) {
  std::string text = join(exercise.kernel ? "KERNEL(" : "LESSON(", exercise.lesson, ", (");
  for (const Parameter& p : exercise.parameters)
    text += join(&p == exercise.parameters.data() ? "" : ", ", kind_of(p.role, exercise.kernel).type, " ",
                 p.name);
  return text + ")) {";
}

Lesson::Lesson(const lesson::Entry& entry, const Exercise& exercise) : entry_(entry), exercise_(exercise) {
  std::string letters;
  for (const Parameter& p : exercise.parameters) letters += kind_of(p.role, exercise.kernel).letter;
  if (entry.version != lesson::version || std::string_view(entry.name) != exercise.lesson ||
      letters != entry.letters || !entry.gpu != !exercise.kernel)
    wrong("the line that begins the function was changed; it must be\n  ", first_line_of(exercise));
}

void Lesson::call(const std::vector<Value>& values, const std::vector<lesson::Operand>& operands,
                  KernelReport* report) const {
  try {
    if (!exercise_.kernel) return entry_.run(operands.data());
    std::vector<KernelMemory> memories;
    for (size_t i = 0; i < operands.size(); ++i) {
      const Role role = exercise_.parameters[i].role;
      if (is_number(role)) continue;
      const auto kind = role == Role::shared ? MemoryKind::shared
                        : is_out(role)       ? MemoryKind::output
                                             : MemoryKind::input;
      memories.push_back({kind, &operands[i]});
    }
    const KernelReport made = run_kernel(entry_, operands.data(), memories, exercise_.kernel->grid(values));
    if (report) *report = made;
  } catch (const Error&) {
    throw;  // from `outside` or the emulator
  } catch (const std::exception& error) {
    wrong("the function threw an exception: ", error.what());
  } catch (...) {
    wrong("the function threw an exception");
  }
}

std::vector<Matrix> Lesson::run(const std::vector<Value>& values, KernelReport* report) const {
  const std::vector<Parameter>& parameters = exercise_.parameters;
  require(values.size() == parameters.size(), exercise_.lesson, ": a case has ", values.size(),
          " values for ", parameters.size(), " parameters");
  std::deque<Guarded<double>> arrays;
  std::deque<Guarded<int>> lists;
  std::deque<std::vector<double>> zeros;
  std::vector<lesson::Operand> operands;
  KeepingWorkshop workshop;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Value& v = values[i];
    lesson::Operand o{parameters[i].name, v.matrix.rows, v.matrix.cols, nullptr, nullptr,
                      v.number,           outside,       &workshop};
    const Role role = parameters[i].role;
    if (role == Role::layer) workshop.add(parameters[i].name, v.layer);
    if (role == Role::array || role == Role::global) o.values = arrays.emplace_back(v.matrix.values).data();
    if (role == Role::ids) o.ids = lists.emplace_back(v.ids).data();
    if (is_out(role)) {
      const bool starts = !v.start.values.empty();
      if (!starts) zeros.emplace_back(v.matrix.values.size(), 0.0);
      o.values = arrays.emplace_back(starts ? v.start.values : zeros.back()).data();
    }
    operands.push_back(o);
  }
  call(values, operands, report);
  std::vector<Matrix> results;
  auto array = arrays.begin();
  auto list = lists.begin();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Role role = parameters[i].role;
    if (is_number(role) || role == Role::layer || role == Role::shared) continue;
    const bool guards = role == Role::ids ? list->guards_intact() : array->guards_intact();
    const bool content = role == Role::ids ? list->content_intact() : is_out(role) || array->content_intact();
    if (!guards) wrong("memory next to ", parameters[i].name, " was overwritten");
    if (!content) wrong(parameters[i].name, " was changed, but it is an input");
    if (is_out(role)) results.emplace_back(values[i].matrix.rows, values[i].matrix.cols, array->content());
    if (role == Role::ids)
      ++list;
    else
      ++array;
  }
  return results;
}

}  // namespace hewn::cli::learn
