#include "hewn/lesson.h"

// The backward pass of a tape of products, for many elements at once.
//
// Row n of y is the value of node n, the oldest node first. A leaf has left(n) = -1 and passes nothing on. Every other
// node is a product:
//   y(n, i) = y(left(n), i) * y(right(n), i)
// Both operands are older than the node, and may be the same node.
//
// Row n of grad is the gradient of node n. That of the newest node is complete when you begin. The other rows hold what
// has already arrived there: grad(n, i) reads it, and grad.add(n, i, value) adds to it. There are y.rows nodes.
LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    // your lines
  }
}
