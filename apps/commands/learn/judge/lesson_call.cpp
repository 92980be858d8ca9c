#include "apps/commands/learn/judge/lesson_call.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
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
Kind kind_of(Role role) {
  switch (role) {
    case Role::array: return {'A', "Array"};
    case Role::ids: return {'I', "Ids"};
    case Role::integer: return {'i', "int"};
    case Role::real: return {'d', "double"};
    case Role::adds:
    case Role::sets:
    case Role::updates: break;
  }
  return {'O', "Out"};
}

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
  wrong("line ", line, ": ", o.name, "(", row, ", ", col, ") is outside: ", o.name, " has ",
        counted(o.rows, "row", "rows"), " (", range_of(o.rows), ") and ",
        counted(o.cols, "column", "columns"), " (", range_of(o.cols), ")");
}

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

std::string parameters_text(std::span<const Parameter> parameters) {
  std::string text;
  for (const Parameter& p : parameters)
    text += join(text.empty() ? "(" : ", ", kind_of(p.role).type, " ", p.name);
  return text + ")";
}

Lesson::Lesson(const lesson::Entry& entry, const Exercise& exercise) : entry_(entry), exercise_(exercise) {
  std::string letters;
  for (const Parameter& p : exercise.parameters) letters += kind_of(p.role).letter;
  if (entry.version != lesson::version || std::string_view(entry.name) != exercise.lesson ||
      letters != entry.letters)
    wrong("the line that begins with LESSON was changed; it must be\n  LESSON(", exercise.lesson, ", ",
          parameters_text(exercise.parameters), ") {");
}

std::vector<Matrix> Lesson::run(const std::vector<Value>& values) const {
  const std::vector<Parameter>& parameters = exercise_.parameters;
  require(values.size() == parameters.size(), exercise_.lesson, ": a case has ", values.size(),
          " values for ", parameters.size(), " parameters");
  std::deque<Guarded<double>> arrays;
  std::deque<Guarded<int>> lists;
  std::deque<std::vector<double>> zeros;
  std::vector<lesson::Operand> operands;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Value& v = values[i];
    lesson::Operand o{parameters[i].name, v.matrix.rows, v.matrix.cols, nullptr, nullptr, v.number, outside};
    const Role role = parameters[i].role;
    if (role == Role::array) o.values = arrays.emplace_back(v.matrix.values).data();
    if (role == Role::ids) o.ids = lists.emplace_back(v.ids).data();
    if (is_out(role)) {
      const bool starts = !v.start.values.empty();
      if (!starts) zeros.emplace_back(v.matrix.values.size(), 0.0);
      o.values = arrays.emplace_back(starts ? v.start.values : zeros.back()).data();
    }
    operands.push_back(o);
  }
  try {
    entry_.run(operands.data());
  } catch (const Error&) {
    throw;  // from `outside`
  } catch (const std::exception& error) {
    wrong("the function threw an exception: ", error.what());
  } catch (...) {
    wrong("the function threw an exception");
  }
  std::vector<Matrix> results;
  auto array = arrays.begin();
  auto list = lists.begin();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Role role = parameters[i].role;
    if (role == Role::integer || role == Role::real) continue;
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
