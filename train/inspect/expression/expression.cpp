#include "train/inspect/expression/expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

#include "core/base/not_copied.h"
#include "core/error.h"
#include "core/tape.h"
#include "core/text.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "train/inspect/expression/functions.h"

namespace hewn {
namespace {

constexpr int most_nested = 100;
constexpr size_t most_shown = 100;  // characters of a line in a message

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_decimal(char c) { return c >= '0' && c <= '9'; }

std::string number_text(double x) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, printable(x)).ptr);
}

// A copy that lasts as long as the program, as names of constants do.
const char* lasting(const std::string& text) {
  static std::mutex lock;
  static std::set<std::string> all;
  const std::lock_guard guard(lock);
  return all.insert(text).first->c_str();
}

Tensor constant(double x, const std::string& name) {
  const Tensor t = Tensor::from(cpu(), std::vector<double>{x}, Shape{});
  t.set_name(lasting(name));
  return t;
}
Tensor constant(double x) { return constant(x, number_text(x)); }

/// Reads and computes from left to right.
class Reader {
 public:
  Reader(std::string_view text, FormulaValues* names) : text_(text), names_(names) {}

  Tensor statements() {
    Tensor last;
    do {
      if (skip_blanks(); at_ == text_.size() && last.defined()) break;  // a semicolon at the end
      last = statement();
    } while (take(';'));
    if (at_ < text_.size()) fail_at(at_, "expected an operator, ';' or the end");
    return last;
  }

  // A number or matrix alone, for a name's value.
  Tensor value() {
    skip_blanks();
    const Tensor value = peek() == '[' ? matrix() : constant(signed_number());
    skip_blanks();
    if (at_ < text_.size())
      fail_at(at_,
              join("expected the end of the value", peek() == ',' ? "; decimals have a point: 0.5" : ""));
    return value;
  }

 private:
  [[noreturn]] void fail_at(size_t at, const std::string& what) const {
    const size_t begin = at > most_shown / 2 ? at - most_shown / 2 : 0;
    std::string line(text_.substr(begin, most_shown));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    fail(ErrorCode::usage, what, "\n  ", line, "\n  ", std::string(at - begin, ' '), "^");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  size_t here() {
    skip_blanks();
    return at_;
  }
  bool take(char c) {
    skip_blanks();
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (take(c)) return;
    const bool operand = c == ')' && (is_letter(peek()) || is_decimal(peek()) || peek() == '(');
    fail_at(at_, join("expected '", c, "'", operand ? " or an operator; a product is written with *" : ""));
  }

  std::string word() {
    const size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_decimal(text_[at_]))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  double number() {
    double x = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), x);
    if (error != std::errc() || !std::isfinite(x) || !(is_decimal(peek()) || peek() == '.'))
      fail_at(at_, "expected a number");
    at_ = static_cast<size_t>(end - text_.data());
    return x;
  }

  double signed_number() {
    const bool minus = take('-');
    skip_blanks();
    return minus ? -number() : number();
  }

  // [1 2; 3 4]
  Tensor matrix() {
    const size_t begin = at_;
    need('[');
    std::vector<double> values;
    size_t columns = 0, rows = 0, in_row = 0;
    for (;;) {
      skip_blanks();
      const char c = peek();
      if (c == ';' || c == ']') {
        if (in_row == 0) fail_at(at_, "expected a number: a row of a matrix cannot be empty");
        if (rows > 0 && in_row != columns)
          fail_at(at_, join("this row has ", in_row, " numbers; those before it have ", columns));
        columns = in_row;
        in_row = 0;
        ++rows;
        ++at_;
        if (c == ']') break;
      } else if (in_row > 0 && c == ',') {
        ++at_;
      } else {
        if (at_ == text_.size()) fail_at(begin, "this bracket is not closed");
        values.push_back(signed_number());
        ++in_row;
      }
    }
    const auto m = static_cast<int64_t>(rows), n = static_cast<int64_t>(columns);
    return Tensor::from(cpu(), values, rows == 1 ? Shape{n} : Shape{m, n});
  }

  Tensor statement() {
    skip_blanks();
    const size_t begin = at_;
    if (!is_letter(peek())) return sum();
    const std::string name = word();
    skip_blanks();
    if (peek() != '=') {
      at_ = begin;
      return sum();
    }
    ++at_;
    if (is_function(name)) fail_at(begin, join("'", name, "' is a function; choose another name"));
    if (names_->contains(name))
      fail_at(begin, join("'", name, "' already has a value; a name can be defined only once"));
    const Tensor value = sum();
    names_->emplace(name, value);
    return value;
  }

  Tensor sum() {
    Tensor x = product();
    for (;;) {
      const size_t at = here();
      if (take('+'))
        x = computed(at, [&, y = product()] { return add(x, y); });
      else if (take('-'))
        x = computed(at, [&, y = product()] { return sub(x, y); });
      else
        return x;
    }
  }

  Tensor product() {
    Tensor x = factor();
    for (;;) {
      const size_t at = here();
      if (take('*'))
        x = computed(at, [&, y = factor()] { return mul(x, y); });
      else if (take('/'))
        x = computed(at, [&, y = factor()] { return div(x, y); });
      else if (take('@'))
        x = computed(at, [&, y = factor()] { return hewn::product(x, y); });
      else
        return x;
    }
  }

  // -x^2 is -(x^2), and x^y^z is x^(y^z), as in mathematics.
  Tensor factor() {
    const size_t at = here();
    const Deeper deeper(*this, at);
    if (take('-')) return computed(at, [&, x = factor()] { return neg(x); });
    const Tensor x = transposed();
    const size_t mark = here();
    if (!take('^')) return x;
    return computed(mark, [&, y = factor()] { return power(x, y); });
  }

  Tensor transposed() {
    Tensor x = primary();
    for (size_t at = here(); take('\''); at = here()) x = computed(at, [&] { return transpose(x); });
    return x;
  }

  Tensor primary() {
    skip_blanks();
    const size_t begin = at_;
    if (take('(')) {
      const Deeper deeper(*this, begin);
      Tensor x = sum();
      need(')');
      return x;
    }
    if (peek() == '[') return matrix();
    if (is_decimal(peek()) || peek() == '.') return constant(number());
    if (!is_letter(peek()))
      fail_at(at_, at_ == text_.size() ? "expected a number, a name or '(' instead of the end"
                                       : "expected a number, a name or '('");
    const std::string name = word();
    if (take('(')) return call(name, begin);
    if (const auto at = names_->find(name); at != names_->end()) return at->second;
    fail_at(begin, is_function(name) ? join("'", name, "' is a function; call it as ", calls_of(name))
                                     : join("'", name, "' has no value", known_names()));
  }

  std::string known_names() const {
    if (names_->empty()) return "; give it one, as in w=0.5";
    return "; known are " + list_text(*names_, ", ", [](const auto& name) { return name.first; });
  }

  Tensor call(const std::string& name, size_t begin) {
    const Deeper deeper(*this, begin);
    std::vector<Tensor> arguments;
    if (!take(')')) {
      do arguments.push_back(sum());
      while (take(','));
      need(')');
    }
    const ExpressionFunction* f = find_function(name, arguments.size());
    if (!f)
      fail_at(begin, is_function(name) ? join("'", name, "' is called as ", calls_of(name))
                                       : join("there is no function '", name, "'; there are ", calls_of("")));
    return computed(begin, [&] { return f->apply(arguments); });
  }

  // Computes an operation whose text begins at `at`.
  Tensor computed(size_t at, const std::function<Tensor()>& operation) const {
    Tensor y;
    try {
      y = operation();
    } catch (const Error& error) {
      fail_at(at, error.what());
    }
    for (const double v : y.doubles())
      if (!std::isfinite(v))
        fail_at(at,
                join("the result is ", number_text(v),
                     ", not a finite number: a logarithm or root of a negative number, a division by 0, or "
                     "an overflow"));
    // A number made of numbers is shown as one, with the digits of results.
    return y.rank() == 0 && !y.requires_grad() ? constant(y.item(), join(y.item())) : y;
  }

  /// Counts the parentheses and signs that are open, so that the stack cannot overflow.
  struct Deeper : NotCopied {
    Deeper(Reader& in, size_t at) : reader(in) {
      if (++reader.depth_ > most_nested)
        reader.fail_at(at, join("nested more than ", most_nested, " levels deep"));
    }
    ~Deeper() { --reader.depth_; }
    Reader& reader;
  };

  std::string_view text_;
  FormulaValues* names_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Tensor parse_value(std::string_view text, const std::string& name) {
  const Doing reading("reading the value of ", name);
  return Reader(text, nullptr).value();
}

Tensor evaluate_expression(std::string_view text, FormulaValues& values) {
  return Reader(text, &values).statements();
}

}  // namespace hewn
