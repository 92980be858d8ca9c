#include "train/inspect/gradcheck/mistakes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "core/text.h"

namespace hewn {
namespace {

constexpr double exact_fit = 1e-4;  // relative error of a fit that counts as exact

double norm_of(const std::vector<double>& v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  return std::sqrt(squares);
}

/// A wrong gradient at the entries that are looked at.
struct Slopes {
  const WrongGradient& wrong;
  std::vector<size_t> entries;
  std::vector<double> tape, measured;
  double noise;  // of all of them together

  Slopes(const WrongGradient& w, double noise_of_one) : wrong(w), noise(0) {
    for (size_t i = 0; i < w.entries.size(); ++i) add(static_cast<size_t>(w.entries[i]), w.measured[i]);
    noise = noise_of_one * std::sqrt(static_cast<double>(entries.size()));
  }
  /// The entries for which `keeps` is true.
  Slopes part(const std::function<bool(size_t)>& keeps) const {
    Slopes some(*this);
    some.entries.clear(), some.tape.clear(), some.measured.clear();
    for (size_t i = 0; i < entries.size(); ++i)
      if (keeps(i)) some.add(entries[i], measured[i]);
    return some;
  }
  void add(size_t entry, double slope) {
    entries.push_back(entry);
    tape.push_back(wrong.tape[entry]);
    measured.push_back(slope);
  }
  bool right(size_t i) const {
    const double scale = norm_of(measured) / std::sqrt(static_cast<double>(measured.size()));
    return std::abs(tape[i] - measured[i]) <=
           noise + exact_fit * std::max(std::abs(measured[i]), 1e-3 * scale);
  }
  /// Whether this equals the measured slopes.
  bool explains(const std::vector<double>& candidate) const {
    std::vector<double> rest(measured.size());
    for (size_t i = 0; i < rest.size(); ++i) rest[i] = measured[i] - candidate[i];
    return norm_of(rest) <= exact_fit * norm_of(measured) + noise;
  }
  size_t columns() const {
    return wrong.shape.rank() == 0 ? 1 : static_cast<size_t>(std::max<int64_t>(1, wrong.shape[-1]));
  }
};

/// "8 (the head size D)" if a number, its root or its product with 2 or 3 is `factor`.
std::string name_of_factor(double factor, const std::vector<NamedFactor>& numbers) {
  const auto is = [&](double x) { return x > 1 && std::abs(factor / x - 1) < exact_fit; };
  std::string names, roots;
  double square = 0;
  for (const NamedFactor& n : numbers) {
    if (is(n.value)) names += (names.empty() ? "" : " or ") + n.name;
    if (is(std::sqrt(n.value))) roots += (roots.empty() ? "" : " or ") + n.name, square = n.value;
  }
  if (names.empty() && !roots.empty()) return join("the square root of ", square, " (", roots, ")");
  if (!roots.empty()) roots = join(", or the square root of ", square, ", ", roots);
  if (!names.empty()) return join(std::round(factor), " (", names, roots, ")");
  if (std::abs(factor - std::round(factor)) < exact_fit * factor) return join(std::round(factor));
  return join(factor);
}

// The tape is c times the measured slopes.
std::string by_factor(const Slopes& s) {
  const double size = norm_of(s.measured), tape = norm_of(s.tape);
  if (size <= s.noise)
    return tape > 4 * s.noise ? join("the measured slopes are zero, those of ", s.wrong.whose, " are not")
                              : "";
  if (tape <= exact_fit * size) return join(s.wrong.whose, " has no gradient there");
  double product = 0;
  for (size_t i = 0; i < s.tape.size(); ++i) product += s.tape[i] * s.measured[i];
  const double c = product / (size * size);
  std::vector<double> scaled(s.tape);
  for (double& t : scaled) t /= c;
  if (c == 0 || std::abs(c - 1) < 100 * exact_fit || !s.explains(scaled)) return "";
  if (std::abs(c + 1) < exact_fit) return "the sign is wrong";
  const std::string sign = c < 0 ? "minus " : "";
  const double factor = std::abs(c);
  if (factor < 1)
    return join(s.wrong.whose, " has ", sign,
                std::abs(1 / factor - std::round(1 / factor)) < exact_fit / factor
                    ? join("1/", std::round(1 / factor))
                    : join(factor),
                " of the measured slope in every entry: a factor of ",
                name_of_factor(1 / factor, s.wrong.numbers), " is missing");
  return join(s.wrong.whose, " has ", sign, factor,
              " times the measured slope in every entry: a division by ",
              name_of_factor(factor, s.wrong.numbers), " is missing");
}

// A contribution has replaced those before it, or belongs to another pass.
std::string by_contribution(const Slopes& s) {
  const auto with = [&](const std::vector<double>& other, double sign) {
    std::vector<double> sum(s.tape);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += sign * other[s.entries[i]];
    return sum;
  };
  if (!s.wrong.previous.empty() && s.explains(with(s.wrong.previous, -1)))
    return "it still contains the gradient of the pass before: it was not cleared";
  for (const WrongGradient::Earlier& earlier : s.wrong.earlier) {
    if (!earlier.grad.empty() && s.explains(with(earlier.grad, 1)))
      return join(earlier.node, " replaced what had arrived before instead of adding to it");
  }
  return "";
}

std::string by_silence(const Slopes& s) {
  if (s.wrong.silent.empty()) return "";
  return join("it is used several times, but ", s.wrong.silent[0], " contributes nothing");
}

// A vector that is added to all rows: its gradient is a sum over them.
std::string by_one_row(const Slopes& s) {
  const size_t columns = s.columns(), rows = s.wrong.output_grad.size() / columns;
  if (s.wrong.shape.rank() != 1 || rows < 2) return "";
  for (size_t row = 0; row < rows; ++row) {
    bool same = true;
    for (size_t i = 0; i < s.entries.size() && same; ++i)
      same = s.tape[i] == s.wrong.output_grad[row * columns + s.entries[i]];
    if (same) return join("it is row ", row, " of dy only: the sum over the rows is missing");
  }
  return "";
}

std::string by_transposition(const Slopes& s) {
  if (s.wrong.shape.rank() != 2) return "";
  const auto rows = static_cast<size_t>(s.wrong.shape[0]), columns = static_cast<size_t>(s.wrong.shape[1]);
  std::vector<double> turned;
  for (const size_t at : s.entries) turned.push_back(s.wrong.tape[at % columns * rows + at / columns]);
  return s.explains(turned) ? "the matrix is transposed" : "";
}

/// Whether there is a difference from the measured slopes, and in each row it is a combination of these columns.
bool spans_rows(const Slopes& s, const std::vector<const std::vector<double>*>& columns) {
  std::map<size_t, std::vector<size_t>> rows;
  for (size_t i = 0; i < s.entries.size(); ++i) rows[s.entries[i] / s.columns()].push_back(i);
  double rest = 0, all = 0;
  for (const auto& of_row : rows) {
    const std::vector<size_t>& members = of_row.second;
    if (members.size() < columns.size() + 3) continue;
    // Gram-Schmidt: what is left of the difference after its parts along the columns.
    std::vector<std::vector<double>> basis;
    const auto values = [&](const std::vector<double>* column) {
      std::vector<double> v;
      for (const size_t i : members) v.push_back(column ? (*column)[s.entries[i]] : 1.0);
      return v;
    };
    const auto without = [&](std::vector<double> v) {
      for (const auto& b : basis) {
        double part = 0;
        for (size_t k = 0; k < v.size(); ++k) part += v[k] * b[k];
        for (size_t k = 0; k < v.size(); ++k) v[k] -= part * b[k];
      }
      return v;
    };
    for (const auto* column : columns) {
      const std::vector<double> before = values(column);
      std::vector<double> v = without(before);
      const double left = norm_of(v);
      if (left <= 1e-9 * norm_of(before)) continue;
      for (double& x : v) x /= left;
      basis.push_back(std::move(v));
    }
    std::vector<double> difference;
    for (const size_t i : members) difference.push_back(s.tape[i] - s.measured[i]);
    const double size = norm_of(difference), left = norm_of(without(difference));
    all += size * size;
    rest += left * left;
  }
  return std::sqrt(all) > s.noise && std::sqrt(rest) <= exact_fit * std::sqrt(all) + s.noise;
}

std::string by_rows(const Slopes& s) {
  if (spans_rows(s, {nullptr})) return "the mean over each row is not taken out";
  if (!s.wrong.output.empty() && spans_rows(s, {&s.wrong.output}))
    return "in each row the difference is a multiple of the output y: the sum of dy y over the row is not "
           "subtracted";
  if (spans_rows(s, {nullptr, &s.wrong.value}))
    return "in each row the difference is a constant plus a multiple of x: the means over the row are not "
           "taken out";
  return "";
}

// Wrong only in a part of the tensor.
std::string by_part(const Slopes& s, const std::function<std::string(const Slopes&)>& explanation) {
  size_t right = 0, first = s.columns(), last = 0, positive = 0, positive_wrong = 0, negative_wrong = 0,
         zero_wanted = 0, zeros_wrong = 0;
  for (size_t i = 0; i < s.entries.size(); ++i) {
    positive += s.wrong.value[s.entries[i]] > 0;
    if (s.right(i)) {
      ++right;
      continue;
    }
    const size_t column = s.entries[i] % s.columns();
    first = std::min(first, column), last = std::max(last, column);
    ++(s.wrong.value[s.entries[i]] > 0 ? positive_wrong : negative_wrong);
    zero_wanted += std::abs(s.measured[i]) <= s.noise;
    zeros_wrong += s.tape[i] == 0;
  }
  const size_t wrong = s.entries.size() - right;
  if (zeros_wrong + zero_wanted == wrong && zeros_wrong > 0 && zero_wanted > 0)
    return "its zeros are in other places than those of the measured slopes: the mask is another one";
  if (right == 0 || wrong == 0) return "";
  if (zero_wanted == wrong)
    return "entries that the loss does not depend on, such as masked ones, have a gradient";
  size_t right_inside = 0;
  for (size_t i = 0; i < s.entries.size(); ++i) {
    const size_t column = s.entries[i] % s.columns();
    right_inside += s.right(i) && column >= first && column <= last;
  }
  if (right_inside == 0) {
    const std::string why = explanation(s.part([&](size_t i) { return !s.right(i); }));
    return join("it is wrong only in columns ", first, " to ", last, why.empty() ? "" : ": ", why);
  }
  if (positive > 0 && positive_wrong == 0)
    return "it is right where the value is positive, and wrong elsewhere";
  if (positive < s.entries.size() && negative_wrong == 0)
    return "it is wrong where the value is positive, and right elsewhere";
  return "";
}

std::string explained(const Slopes& s) {
  for (const auto& explanation :
       {by_contribution, by_factor, by_silence, by_one_row, by_transposition, by_rows})
    if (const std::string text = explanation(s); !text.empty()) return text;
  return "";
}

std::string by_closeness(const Slopes& s) {
  std::vector<double> difference(s.tape);
  for (size_t i = 0; i < difference.size(); ++i) difference[i] -= s.measured[i];
  const double apart = norm_of(difference);
  if (apart <= s.noise || !(apart < 0.01 * norm_of(s.measured))) return "";
  return "it is off by less than 1%: the derivative of a slightly different function, such as an "
         "approximation";
}

}  // namespace

std::string mistake_in(const WrongGradient& wrong, double noise) {
  const Slopes all(wrong, noise);
  for (const auto& explanation : {explained, by_closeness})
    if (std::string text = explanation(all); !text.empty()) return text;
  return by_part(all, explained);
}

}  // namespace hewn
