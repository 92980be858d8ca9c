#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

template <Isa I>
void attention_rows(const Launch& launch, const AttentionForward& a);

template <Isa I>
void attention_online(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_online(const Launch& launch, const AttentionBackward& a);

template <Isa I>
void attention_lanes(const Launch& launch, const AttentionForward& a);

template <Isa I>
void attention_tiled(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_tiled(const Launch& launch, const AttentionBackward& a);

}  // namespace hewn
