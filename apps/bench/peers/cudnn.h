#pragma once
// The part of cuDNN's C interface needed for softmax and activations, in versions 8 and 9.
// cmake/checks/cudnn.cpp compares it with the library's header.

namespace hewn::cli::cudnn {

/// Its enumerations: cudnnTensorFormat_t, cudnnDataType_t, cudnnSoftmaxAlgorithm_t, cudnnSoftmaxMode_t,
/// cudnnActivationMode_t, cudnnNanPropagation_t.
enum Format { packed = 0 };
enum Type { f32 = 0, f64 = 1 };
enum Softmax { less_the_maximum = 1 };
enum Mode { over_each_image = 0 };
enum Activation { relu = 1, silu = 6 };
enum NaN { propagated = 1 };

using Create = int (*)(void** handle);
using SetStream = int (*)(void* handle, void* stream);
using ErrorString = const char* (*)(int status);

using CreateTensor = int (*)(void** tensor);
/// n images of c channels of h by w elements, in this order in memory.
using SetTensor = int (*)(void* tensor, int format, int type, int n, int c, int h, int w);
using CreateActivation = int (*)(void** activation);
using SetActivation = int (*)(void* activation, int mode, int nan, double coefficient);

/// y = alpha softmax(x) + beta y. Scalars are double if the tensors are, otherwise float.
using SoftmaxForward = int (*)(void* handle, int algorithm, int mode, const void* alpha, void* x_is,
                               const void* x, const void* beta, void* y_is, void* y);
/// dx = alpha dsoftmax(y, dy) + beta dx, where dsoftmax is the gradient of softmax.
using SoftmaxBackward = int (*)(void* handle, int algorithm, int mode, const void* alpha, void* y_is,
                                const void* y, void* dy_is, const void* dy, const void* beta, void* dx_is,
                                void* dx);
/// y = alpha f(x) + beta y.
using ActivationForward = int (*)(void* handle, void* activation, const void* alpha, void* x_is,
                                  const void* x, const void* beta, void* y_is, void* y);

}  // namespace hewn::cli::cudnn
