#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace hewn {

/// Minimises a smooth function from `x` on: L-BFGS with 10 pairs and a line search for the Wolfe conditions (Nocedal
/// and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 3.5). `f(x, gradient)` returns the value and
/// overwrites the gradient, which has x's size. Stops when no component of the gradient exceeds `tolerance`, when
/// the value no longer decreases, or after `most_iterations`. Returns the number of iterations.
int64_t minimize(std::vector<double>& x,
                 const std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>& f,
                 double tolerance, int64_t most_iterations);

}  // namespace hewn
