#pragma once
// Recurrent layers, without the product of their inputs, which one `linear` computes for all time steps.

#include "core/tape.h"

namespace hewn {

/// The state of sequences after their tokens so far: h [B, H] and, for an LSTM, c [B, H], both contiguous.
struct RecurrentState {
  Tensor h, c;
};

/// The recurrent network of Elman ("Finding structure in time", 1990), as torch.nn.RNN:
/// h_t = tanh(x_t + h_(t-1) W), for x [T, B, H] with T >= 1, the products of the inputs with their weights and the
/// bias, and weight W [H, H] -> h [T, B, H]. f32 or f64. Sequences begin with h_0 = 0, or with `state`, which
/// is then replaced by the state after the last step; with a state, the tape must not record.
Tensor rnn(const Tensor& x, const Tensor& weight, RecurrentState* state = nullptr);

/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as
/// torch.nn.LSTM: x [T, B, 4H] holds the gates' inputs i | f | g | o, weight W is [H, 4H], and with u = x_t +
/// h_(t-1) W, c_t = s(u_f) c_(t-1) + s(u_i) tanh(u_g) and h_t = s(u_o) tanh(c_t) -> h [T, B, H]. Otherwise as
/// `rnn`.
Tensor lstm(const Tensor& x, const Tensor& weight, RecurrentState* state = nullptr);

}  // namespace hewn
