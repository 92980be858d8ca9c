#include "train/inspect/gradcheck/wrong_place.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "core/rng.h"
#include "core/text.h"
#include "train/inspect/gradcheck/gradient_check.h"
#include "train/inspect/gradcheck/mistakes.h"

namespace hewn {
namespace {

constexpr size_t most_places = 3, most_rows = 8, most_columns = 32;

class PlaceFinder {
 public:
  /// `previous` holds the gradients of the pass before, by parameter.
  PlaceFinder(LossProbe& probe, const GradientCheckOptions& options,
              std::map<std::string, std::vector<double>> previous)
      : probe_(probe),
        options_(options),
        previous_(std::move(previous)),
        pass_(probe.record(options.edits)),
        noise_(slope_noise(pass_.nodes.back().value[0])) {}

  std::vector<WrongPlace> find(std::span<const std::string> parameters) {
    const int64_t node = newest_wrong_node();
    std::vector<WrongPlace> places;
    if (node >= 0) places.push_back(place_of_node(node));
    for (const std::string& name : parameters) {
      if (places.size() == most_places) break;
      // The gradients that arrive at the nodes after `node` are right.
      const std::vector<int64_t> users = users_of(name);
      if (users.empty() || *std::min_element(users.begin(), users.end()) <= node) continue;
      Parameter& p = *probe_.model().parameters().find(name);
      if (is_wrong(p)) places.push_back(place_of_parameter(p));
    }
    return places;
  }

 private:
  /// The node with the highest number whose output has a wrong gradient; -1 if there is none. Notes the nodes whose
  /// output cannot be displaced alone.
  int64_t newest_wrong_node() {
    for (int64_t id = std::ssize(pass_.nodes) - 1; id >= 0; --id) {
      const NodeValues& node = at(id);
      if (node.grad.empty()) continue;
      if (node.is_view)
        unknown_.insert(id);
      else if (is_wrong(id))
        return id;
    }
    return -1;
  }

  bool is_wrong(int64_t id) {
    const NodeValues& node = at(id);
    const Along found = along(node.grad, reach(node), static_cast<uint64_t>(id),
                              [&](const std::vector<double>& direction, double s) {
                                return with_output(id, [&](double* values) {
                                  for (size_t j = 0; j < direction.size(); ++j) values[j] += s * direction[j];
                                });
                              });
    // A layer may compute its activation together with its output, before the tape sees the latter.
    if (found.wrong && !found.depends) unknown_.insert(id);
    return found.wrong && found.depends;
  }

  /// Whether a parameter's gradient is wrong in this batch alone.
  bool is_wrong(Parameter& p) {
    const std::vector<double> start = p.value.doubles();
    const Along found =
        along(grad_of(p.value).doubles(), 0.02, 0, [&](const std::vector<double>& direction, double s) {
          double* values = p.value.ptr<double>();
          for (size_t j = 0; j < direction.size(); ++j) values[j] = start[j] + s * direction[j];
          return probe_.displaced([](const Node&, const Tensor&) {});
        });
    p.value.upload(start.data());
    return found.wrong;
  }

  /// What random directions say of a gradient.
  struct Along {
    bool wrong = false;    ///< the slope is not that of the gradient
    bool depends = false;  ///< the loss depends on the tensor at all
  };
  /// Tries three directions: a difference may be small along one of them by chance.
  Along along(const std::vector<double>& grad, double distance, uint64_t stream,
              const std::function<double(const std::vector<double>&, double)>& loss_at) {
    Rng rng(options_.seed, stream);
    Along found;
    for (int n = 0; n < 3 && !found.wrong; ++n) {
      std::vector<double> direction(grad.size());
      double expected = 0, squares = 0;
      for (size_t j = 0; j < direction.size(); ++j) {
        direction[j] = distance * (rng.below(2) == 0 ? -1.0 : 1.0);
        expected += direction[j] * grad[j];
        squares += direction[j] * grad[j] * direction[j] * grad[j];
      }
      const auto f = [&](double s) { return loss_at(direction, s); };
      const double size = std::max(1e-6 * distance, std::sqrt(squares));
      const Slope slope = slope_near(expected, options_.bound * size, f, noise_);
      found.depends = !(slope.excess(0) <= 0);
      found.wrong = !(slope.excess(expected) <= options_.bound * size) &&
                    kink_at(std::abs(slope.value - expected), f, noise_).empty();
    }
    return found;
  }

  /// The loss with the output of a node changed.
  double with_output(int64_t id, const std::function<void(double*)>& change) {
    return probe_.displaced([&](const Node& node, const Tensor& y) {
      if (node.id == id) change(y.ptr<double>());
    });
  }

  static double reach(const NodeValues& node) {
    double squares = 0;
    for (const double v : node.value) squares += v * v;
    return std::max(std::sqrt(squares / static_cast<double>(std::max<size_t>(1, node.value.size()))), 0.02);
  }

  WrongPlace place_of_node(int64_t id) {
    const NodeValues& node = at(id);
    const double unit = reach(node);
    return described(
        join("the output of #", id, " ", node.place), join("#", id), node.shape, node.value, node.grad,
        [&](size_t entry, double s) {
          return with_output(id, [&](double* values) { values[entry] += s * unit; });
        },
        unit);
  }

  WrongPlace place_of_parameter(Parameter& p) {
    const std::vector<double> value = p.value.doubles();
    return described(
        p.name, p.name, p.shape, value, grad_of(p.value).doubles(),
        [&](size_t entry, double s) {
          double& v = p.value.ptr<double>()[entry];
          v = value[entry] + s;
          const double loss = probe_.displaced([](const Node&, const Tensor&) {});
          v = value[entry];
          return loss;
        },
        1);
  }

  /// Measures entries of a wrong gradient by `loss_at(entry, s)`, which displaces an entry by s units.
  WrongPlace described(std::string tensor, const std::string& key, const Shape& shape,
                       const std::vector<double>& value, const std::vector<double>& grad,
                       const std::function<double(size_t, double)>& loss_at, double unit) {
    WrongGradient wrong{
        .shape = shape, .value = value, .tape = grad, .entries = entries_of(shape), .measured = {}};
    for (const int64_t entry : wrong.entries) {
      wrong.measured.push_back(
          settled_slope([&](double s) { return loss_at(static_cast<size_t>(entry), s); }, noise_) / unit);
    }
    const std::vector<int64_t> suspects = suspects_of(key);
    std::string text;
    for (const int64_t suspect : suspects) {
      const NodeValues& node = at(suspect);
      text += join(text.empty() ? "" : ", ", name_of_node(suspect), " (", node.info->file, ":",
                   node.info->line, ")");
      if (node.shape.numel() == shape.numel()) wrong.output = node.value;
    }
    if (const std::vector<int64_t> users = users_of(key); users.size() == 1)
      wrong.output_grad = at(users[0]).grad;
    if (const auto before = previous_.find(key); before != previous_.end()) wrong.previous = before->second;
    add_uses(wrong, key);
    wrong.numbers = numbers();
    return {std::move(tensor), std::move(text), mistake_in(wrong, noise_ / 1e-4 / unit)};
  }

  void add_uses(WrongGradient& wrong, const std::string& key) {
    const auto uses = pass_.uses.find(key);
    if (uses == pass_.uses.end() || uses->second.size() < 2) return;
    for (size_t i = 0; i < uses->second.size(); ++i) {
      const Use& use = uses->second[i];
      const bool nothing = use.how == Contribution::none || (i > 0 && use.after == uses->second[i - 1].after);
      if (nothing) wrong.silent.push_back(name_of_node(use.node));
      if (i > 0) wrong.earlier.push_back({name_of_node(use.node), uses->second[i - 1].after});
    }
  }

  /// Rows and columns of the tensor spread evenly, at most 8 x 32.
  static std::vector<int64_t> entries_of(const Shape& shape) {
    const int64_t columns = shape.rank() == 0 ? 1 : shape[-1],
                  rows = columns == 0 ? 0 : shape.numel() / columns;
    const auto spread = [](int64_t n, size_t most) {
      std::vector<int64_t> chosen;
      const auto wanted = std::min(n, static_cast<int64_t>(most));
      for (int64_t i = 0; i < wanted; ++i) chosen.push_back(i * (n - 1) / std::max<int64_t>(1, wanted - 1));
      return chosen;
    };
    std::vector<int64_t> entries;
    for (const int64_t row : spread(rows, most_rows))
      for (const int64_t column : spread(columns, most_columns)) entries.push_back(row * columns + column);
    return entries;
  }

  std::vector<int64_t> users_of(const std::string& key) const {
    std::vector<int64_t> users;
    for (size_t id = 0; id < pass_.nodes.size(); ++id)
      for (const Edge& edge : pass_.nodes[id].inputs)
        if (tensor_key(edge) == key) {
          users.push_back(static_cast<int64_t>(id));
          break;
        }
    return users;
  }

  /// The nodes that use a tensor, and where it is unknown whether the gradient that arrives at these is right, the nodes
  /// after them.
  std::vector<int64_t> suspects_of(const std::string& key) const {
    std::vector<int64_t> suspects = users_of(key);
    for (size_t i = 0; i < suspects.size(); ++i)
      if (unknown_.contains(suspects[i]))
        for (const int64_t next : users_of(join("#", suspects[i]))) suspects.push_back(next);
    return suspects;
  }

  std::vector<NamedFactor> numbers() const {
    const ModelConfig& m = probe_.model().config();
    const auto number = [](const char* name, int64_t value) {
      return NamedFactor{name, static_cast<double>(value)};
    };
    std::vector<NamedFactor> all{number("the number of targets", probe_.targets()),
                                 number("the length T", probe_.length()),
                                 number("the batch size B", probe_.rows()), number("the width C", m.n_embd),
                                 number("the vocabulary V", m.vocab_size)};
    if (m.n_head > 0) {
      all.push_back(number("the head size D", m.n_embd / m.n_head));
      all.push_back(number("the number of heads H", m.n_head));
    }
    return all;
  }

  const NodeValues& at(int64_t id) const { return pass_.nodes[static_cast<size_t>(id)]; }
  std::string name_of_node(int64_t id) const { return join("#", id, " ", at(id).place); }

  LossProbe& probe_;
  const GradientCheckOptions& options_;
  std::map<std::string, std::vector<double>> previous_;
  TapePass pass_;
  double noise_;
  std::set<int64_t> unknown_;  // nodes whose output's gradient could not be checked
};

}  // namespace

std::vector<WrongPlace> wrong_places(LossProbe& probe, std::span<const std::string> parameters,
                                     const GradientCheckOptions& options) {
  std::map<std::string, std::vector<double>> gradients;
  for (const std::string& name : parameters)
    gradients[name] = grad_of(probe.model().parameters().find(name)->value).doubles();
  return PlaceFinder(probe, options, std::move(gradients)).find(parameters);
}

}  // namespace hewn
