#include "kernels/gpu/emulator/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "core/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define HEWN_ADDRESS_SANITIZER
#elif defined(__SANITIZE_THREAD__)
#define HEWN_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEWN_ADDRESS_SANITIZER
#elif __has_feature(thread_sanitizer)
#define HEWN_THREAD_SANITIZER
#endif
#endif

extern "C" {
/// Stores the stack pointer at *from, with all callee-saved registers on the stack, and continues at `to`.
void hewn_switch_stack(void** from, void* to);
/// Where a new stack starts: calls the function in its first saved register with the second as argument.
void hewn_fresh_stack();
#if defined(HEWN_ADDRESS_SANITIZER)
void __sanitizer_start_switch_fiber(void** shadow, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* shadow, const void** old_bottom, size_t* old_size);
void __asan_unpoison_memory_region(const volatile void* address, size_t size);
#elif defined(HEWN_THREAD_SANITIZER)
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
#endif
}

#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.globl hewn_switch_stack
.type hewn_switch_stack, @function
hewn_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hewn_switch_stack, .-hewn_switch_stack
.globl hewn_fresh_stack
.type hewn_fresh_stack, @function
hewn_fresh_stack:
  movq %r12, %rdi
  callq *%rbx
  ud2
.size hewn_fresh_stack, .-hewn_fresh_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl hewn_switch_stack
.type hewn_switch_stack, %function
hewn_switch_stack:
  stp x29, x30, [sp, #-160]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x29, x30, [sp], #160
  ret
.size hewn_switch_stack, .-hewn_switch_stack
.globl hewn_fresh_stack
.type hewn_fresh_stack, %function
hewn_fresh_stack:
  mov x0, x20
  blr x19
  brk #1
.size hewn_fresh_stack, .-hewn_fresh_stack
)");
#else
void hewn_switch_stack(void**, void*) {
  hewn::fail(hewn::ErrorCode::failed, "GPUs can be emulated on x86-64 and aarch64 only");
}
void hewn_fresh_stack() {}
#endif

namespace hewn::emulator {
namespace {

constexpr size_t stack_bytes = 256 << 10;  // only the pages that are touched take memory

/// Prepares a stack on which hewn_switch_stack finds registers that make hewn_fresh_stack call begin(fiber).
void* prepared(std::byte* stack, void (*begin)(Fiber*), Fiber* fiber) {
  auto* top = reinterpret_cast<uintptr_t*>(stack + stack_bytes);
  const auto function = reinterpret_cast<uintptr_t>(begin), argument = reinterpret_cast<uintptr_t>(fiber);
  const auto first = reinterpret_cast<uintptr_t>(&hewn_fresh_stack);
#if defined(__x86_64__)
  // After the return to hewn_fresh_stack the stack pointer is a multiple of 16, as before any call.
  uintptr_t* const frame = top - 9;
  const uintptr_t words[] = {0,        0, 0,    argument,
                             function, 0, first};  // r15 r14 r13 r12 rbx rbp, return address
#else
  uintptr_t* const frame = top - 20;
  const uintptr_t words[] = {0, first, function, argument};  // x29 x30 x19 x20
#endif
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) frame[i] = words[i];
  return frame;
}

}  // namespace

Fiber::Fiber() {
  void* const memory =
      mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
}

Fiber::~Fiber() {
#if defined(HEWN_THREAD_SANITIZER)
  if (own_shadow_) __tsan_destroy_fiber(own_shadow_);
#endif
  munmap(stack_, stack_bytes);
}

void Fiber::start(void (*entry)(void*), void* argument) {
  entry_ = entry;
  argument_ = argument;
  position_ = prepared(stack_, begin, this);
#if defined(HEWN_ADDRESS_SANITIZER)
  __asan_unpoison_memory_region(stack_, stack_bytes);
  own_shadow_ = nullptr;
#elif defined(HEWN_THREAD_SANITIZER)
  if (own_shadow_) __tsan_destroy_fiber(own_shadow_);
  own_shadow_ = __tsan_create_fiber(0);
#endif
}

void Fiber::begin(Fiber* fiber) {
#if defined(HEWN_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(nullptr, &fiber->caller_stack_, &fiber->caller_stack_bytes_);
#endif
  fiber->entry_(fiber->argument_);
}

void Fiber::resume() {
#if defined(HEWN_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&caller_shadow_, stack_, stack_bytes);
#elif defined(HEWN_THREAD_SANITIZER)
  caller_shadow_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own_shadow_, 0);
#endif
  hewn_switch_stack(&caller_, position_);
#if defined(HEWN_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(caller_shadow_, nullptr, nullptr);
#endif
}

void Fiber::yield() {
#if defined(HEWN_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&own_shadow_, caller_stack_, caller_stack_bytes_);
#elif defined(HEWN_THREAD_SANITIZER)
  __tsan_switch_to_fiber(caller_shadow_, 0);
#endif
  hewn_switch_stack(&position_, caller_);
#if defined(HEWN_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(own_shadow_, &caller_stack_, &caller_stack_bytes_);
#endif
}

}  // namespace hewn::emulator
