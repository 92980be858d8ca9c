#include "kernels/contract/case.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <sstream>

#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

constexpr size_t fence = 256;  // bytes before and after; also the alignment of data
constexpr uint8_t canary = 0xc5;
constexpr int64_t period = 1'000'003;  // period of large inputs: a prime, so that rows do not align with it

void store(uint8_t* at, DType dtype, double value) {
  const auto put = [at](auto typed) { std::memcpy(at, &typed, sizeof typed); };
  // Called for integer types only, because the conversion of an infinity is undefined. Values out of the
  // range of a small type wrap.
  const auto whole = [value] { return static_cast<int64_t>(value); };
  switch (dtype) {
    case DType::f64: return put(value);
    case DType::f32: return put(static_cast<float>(value));
    case DType::bf16: return put(BFloat16(static_cast<float>(value)));
    case DType::f16: return put(Float16(static_cast<float>(value)));
    case DType::i64: return put(whole());
    case DType::i32: return put(static_cast<int32_t>(whole()));
    case DType::u16: return put(static_cast<uint16_t>(whole()));
    case DType::i8: return put(static_cast<int8_t>(whole()));
    case DType::u8: return put(static_cast<uint8_t>(whole()));
  }
}

template <class T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

double harsh_value(Rng& rng, int64_t i) {
  if (i % 31 == 7) return 0.0;
  if (i % 29 == 11) return 1.5;                  // ties
  if (i % 97 == 13) return 40.0 * rng.normal();  // outliers
  return rng.normal() + 2.0;
}

size_t start_of(const HugeVector<uint8_t>& memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  return fence + (fence - address % fence) % fence;
}

size_t bytes_of(const Operand& o) { return static_cast<size_t>(o.n) * size_of(o.dtype); }

bool fences_whole(const Operand& o) {
  const size_t start = start_of(o.memory), end = start + bytes_of(o);
  const auto whole = [](uint8_t byte) { return byte == canary; };
  return std::all_of(o.memory.begin(), o.memory.begin() + static_cast<std::ptrdiff_t>(start), whole) &&
         std::all_of(o.memory.begin() + static_cast<std::ptrdiff_t>(end), o.memory.end(), whole);
}

/// Calls f(first byte, number of bytes) for each piece of an operand that has the initial values.
template <class F>
void for_periods(const Operand& o, const F& f) {
  const size_t all = bytes_of(o), each = o.initial.size();
  for (size_t first = 0; each > 0 && first < all; first += each) f(first, std::min(each, all - first));
}

/// The elements of an output that differ from their initial values, ascending.
std::vector<int64_t> changed_elements(Operand& o) {
  constexpr size_t block = 4096;
  const size_t element = size_of(o.dtype);
  const uint8_t* const before = o.initial.data();
  std::vector<int64_t> changed;
  for_periods(o, [&](size_t first, size_t bytes) {
    const uint8_t* const now = o.data() + first;
    for (size_t begin = 0; begin < bytes; begin += block) {
      const size_t end = std::min(begin + block, bytes);
      if (std::memcmp(now + begin, before + begin, end - begin) == 0) continue;
      for (size_t at = begin; at < end; at += element)
        if (std::memcmp(now + at, before + at, element) != 0)
          changed.push_back(static_cast<int64_t>((first + at) / element));
    }
  });
  return changed;
}

/// Gives an operand its initial values.
void set_initial(Operand& o) {
  for_periods(o, [&](size_t first, size_t bytes) { std::memcpy(o.data() + first, o.initial.data(), bytes); });
}

/// Whether an input has its initial values.
bool unchanged(Operand& o) {
  bool same = true;
  for_periods(o, [&](size_t first, size_t bytes) {
    same = same && std::memcmp(o.data() + first, o.initial.data(), bytes) == 0;
  });
  return same;
}

}  // namespace

uint8_t* Operand::data() { return memory.data() + start_of(memory); }

double Operand::value(int64_t i) const {
  const uint8_t* at = memory.data() + start_of(memory) + static_cast<size_t>(i) * size_of(dtype);
  switch (dtype) {
    case DType::f64: return load<double>(at);
    case DType::f32: return static_cast<double>(load<float>(at));
    case DType::bf16: return static_cast<double>(static_cast<float>(load<BFloat16>(at)));
    case DType::f16: return static_cast<double>(static_cast<float>(load<Float16>(at)));
    case DType::i64: return static_cast<double>(load<int64_t>(at));
    case DType::i32: return load<int32_t>(at);
    case DType::u16: return load<uint16_t>(at);
    case DType::i8: return load<int8_t>(at);
    case DType::u8: return load<uint8_t>(at);
  }
  return 0;
}

Operand& CaseMemory::add(std::string name, DType dtype, int64_t n) {
  Operand& o = operands_.emplace_back();
  o.name = std::move(name);
  o.dtype = dtype;
  o.n = n;
  o.memory.assign(bytes_of(o) + 3 * fence, canary);
  return o;
}

Place CaseMemory::input(std::string name, DType dtype, int64_t n, Fill fill, double scale) {
  if (!creates()) return {places_.at(placed_++)};
  Operand& o = add(std::move(name), dtype, n);
  const auto value = [&](int64_t i) {
    if (fill == Fill::zero) return 0.0;
    const double normal = fill == Fill::harsh && !bench_ ? harsh_value(rng_, i) : rng_.normal();
    return scale * (fill == Fill::square ? normal * normal : normal);
  };
  const size_t element = size_of(dtype);
  o.initial.resize(static_cast<size_t>(std::min(n, period)) * element);
  for (size_t i = 0; i < o.initial.size() / element; ++i)
    store(o.initial.data() + i * element, dtype, value(static_cast<int64_t>(i)));
  set_initial(o);
  return {o.data()};
}

Place CaseMemory::input(std::string name, DType dtype, int64_t n,
                        const std::function<double(Rng&, int64_t)>& value) {
  if (!creates()) return {places_.at(placed_++)};
  Operand& o = add(std::move(name), dtype, n);
  for (int64_t i = 0; i < n; ++i)
    store(o.data() + static_cast<size_t>(i) * size_of(dtype), dtype, value(rng_, i));
  o.initial.assign(o.data(), o.data() + bytes_of(o));
  return {o.data()};
}

CaseMemory CaseMemory::twin() const {
  CaseMemory copy(0);
  for (const Operand& from : operands_) {
    Operand& to = copy.add(from.name, from.dtype, from.n);
    std::memcpy(to.data(), from.memory.data() + start_of(from.memory), bytes_of(from));
    to.output = from.output;
    to.tolerance = from.tolerance;
    to.magnitude = from.magnitude;
  }
  return copy;
}

Place CaseMemory::output(std::string name, DType dtype, int64_t n, double tolerance, double magnitude,
                         Fill fill) {
  const Place place = input(std::move(name), dtype, n, fill);
  if (!creates()) return place;
  operands_.back().output = true;
  operands_.back().tolerance = tolerance;
  operands_.back().magnitude = magnitude;
  return place;
}

void Case::reset() {
  for (Operand& o : operands())
    if (o.output) set_initial(o);
}

std::vector<std::vector<double>> Case::outputs() {
  std::vector<std::vector<double>> all;
  for (const Operand& o : operands()) {
    if (!o.output) continue;
    auto& values = all.emplace_back(static_cast<size_t>(o.n));
    for (int64_t i = 0; i < o.n; ++i) values[static_cast<size_t>(i)] = o.value(i);
  }
  return all;
}

Reference Case::reference(int threads) {
  Reference r;
  reset();
  if (!run_excerpts(threads)) {
    run(0, Isa::scalar, threads);
    r.values = outputs();
    return r;
  }
  for (Operand& o : operands()) {
    if (!o.output) continue;
    const std::vector<int64_t>& at = r.at.emplace_back(changed_elements(o));
    std::vector<double>& values = r.values.emplace_back();
    for (const int64_t i : at) values.push_back(o.value(i));
  }
  return r;
}

std::string Case::difference(const Reference& reference, double least) {
  std::ostringstream text;
  size_t which = 0;
  for (const Operand& o : operands()) {
    if (!o.output) continue;
    const std::vector<double>& expected = reference.values.at(which);
    const std::vector<int64_t>* const at = reference.at.empty() ? nullptr : &reference.at.at(which);
    const auto place = [&](size_t k) { return at ? (*at)[k] : static_cast<int64_t>(k); };
    ++which;
    const double tolerance = o.tolerance > 0 ? std::max(o.tolerance, least) : 0;
    double squares = 0, norm = 0, largest = o.magnitude;
    for (const double e : expected)
      if (std::isfinite(e)) norm += e * e, largest = std::max(largest, std::abs(e));
    const double near = 30 * tolerance * largest;
    for (size_t k = 0; k < expected.size(); ++k) {
      const double e = expected[k], v = o.value(place(k));
      const bool same = std::isfinite(e) ? std::abs(v - e) <= near : (std::isnan(e) ? std::isnan(v) : v == e);
      if (!same) {
        text << o.name << "[" << place(k) << "] is " << v << ", expected " << e;
        return text.str();
      }
      if (std::isfinite(e)) squares += (v - e) * (v - e);
    }
    const double floor = o.magnitude * std::sqrt(static_cast<double>(expected.size()));
    const double allowed = tolerance * std::max(std::sqrt(norm), floor);
    if (!(std::sqrt(squares) <= allowed)) {
      text << o.name << " differs by " << std::sqrt(squares) << " in norm; the tolerance is " << allowed;
      return text.str();
    }
  }
  return {};
}

std::string Case::damage() {
  for (Operand& o : operands()) {
    if (!fences_whole(o)) return "memory around " + o.name + " was overwritten";
    if (!o.output && !unchanged(o)) return "input " + o.name + " was changed";
  }
  for (const auto& [size, block] : *scratch_)
    if (!fences_whole(block)) return "memory around the scratch was overwritten";
  return {};
}

void* Case::scratch(size_t bytes) {
  if (device_) {
    home_->scratch(bytes);
    Block& there = (*scratch_there_)[bytes];
    if (!there) there = upload(home_->scratch_->at(bytes), 0);
    return static_cast<uint8_t*>(there->data) + fence;
  }
  Operand& block = (*scratch_)[bytes];
  if (block.memory.empty()) {
    block.dtype = DType::u8;
    block.n = static_cast<int64_t>(bytes);
    block.memory.assign(bytes + 3 * fence, canary);
  }
  return block.data();
}

Case::Block Case::upload(Operand& o, size_t shift) const {
  const size_t bytes = bytes_of(o) + 2 * fence;
  Block block = Storage::allocate(*device_, bytes + shift);
  device_->upload(static_cast<uint8_t*>(block->data) + shift, o.data() - fence, bytes);
  return block;
}

void Case::download(Operand& o, const Block& block, size_t shift) const {
  device_->download(o.data() - fence, static_cast<uint8_t*>(block->data) + shift, block->bytes - shift);
}

void Case::stand_on(Executor& device, Case& home, int64_t shift) {
  device_ = &device;
  home_ = &home;
  shift_ = shift;
  for (Operand& o : home.operands()) blocks_.push_back(upload(o, shift_of(o)));
}

void Case::stand_beside(const Case& other) {
  device_ = other.device_;
  home_ = other.home_;
  shift_ = other.shift_;
  scratch_there_ = other.scratch_there_;
  for (const Block& from : other.blocks_) {
    blocks_.push_back(Storage::allocate(*device_, from->bytes));
    device_->copy(blocks_.back()->data, from->data, from->bytes);
  }
}

std::vector<void*> Case::places() {
  std::vector<void*> places;
  if (!device_)
    for (Operand& o : operands()) places.push_back(o.data());
  for (size_t i = 0; i < blocks_.size(); ++i)
    places.push_back(static_cast<uint8_t*>(blocks_[i]->data) + shift_of(home_->operands()[i]) + fence);
  return places;
}

void Case::fetch() {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Operand& o = home_->operands()[i];
    download(o, blocks_[i], shift_of(o));
  }
  for (const auto& [bytes, block] : *scratch_there_) download(home_->scratch_->at(bytes), block, 0);
}

void Case::fetch_outputs() {
  for (size_t i = 0; i < blocks_.size(); ++i)
    if (Operand& o = home_->operands()[i]; o.output) download(o, blocks_[i], shift_of(o));
}

void Case::refresh_outputs() {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Operand& o = home_->operands()[i];
    if (!o.output) continue;
    const size_t shift = shift_of(o);
    device_->upload(static_cast<uint8_t*>(blocks_[i]->data) + shift, o.data() - fence,
                    blocks_[i]->bytes - shift);
  }
}

void Case::each_excerpt(int threads, int64_t n, size_t scratch_bytes,
                        const std::function<void(const Launch&, int64_t)>& run) {
  const int64_t workers = std::min<int64_t>(threads, n);
  const size_t room = (scratch_bytes + 2 * fence - 1) / fence * fence;
  HugeVector<uint8_t> memory(static_cast<size_t>(workers) * room + fence);
  parallel_for(Launch{.threads = threads}, workers, [&](int64_t begin, int64_t end, int) {
    for (int64_t worker = begin; worker < end; ++worker) {
      uint8_t* const scratch = memory.data() + start_of(memory) - fence + static_cast<size_t>(worker) * room;
      const Launch launch{.scratch = scratch, .scratch_bytes = scratch_bytes};
      for (int64_t i = worker; i < n; i += workers) run(launch, i);  // neighbours often cost the same
    }
  });
}

size_t Case::bytes() {
  size_t sum = 0;
  for (const Operand& o : operands()) sum += bytes_of(o);
  return sum;
}

const StepState* state_input(CaseMemory& memory, const StepState& state) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&state);
  return memory.input("state", DType::u8, sizeof state,
                      [bytes](Rng&, int64_t i) { return static_cast<double>(bytes[i]); });
}

std::string sizes_text(std::initializer_list<int64_t> sizes) { return list_text(sizes, "x"); }

std::vector<int64_t> sizes_around(int width) {
  const int64_t w = width;
  std::vector<int64_t> sizes{1, w - 1, w, w + 1, 8 * w + 2};
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  sizes.erase(std::remove_if(sizes.begin(), sizes.end(), [](int64_t n) { return n < 1; }), sizes.end());
  return sizes;
}

std::vector<int64_t> sampled_places(int64_t n, int64_t count) {
  const auto block =
      static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, n / count))));
  const int64_t inside[] = {0, block - 1, block / 2, block / 8, block / 2 - 1, block - 1 - block / 8};
  std::set<int64_t> places;
  for (int64_t begin = 0, turn = 0; begin < n; begin += block, ++turn)
    places.insert(std::clamp<int64_t>(begin + inside[turn % 6], begin, n - 1));
  for (const int64_t last : {n - 2, n - 1})
    if (last >= 0) places.insert(last);
  return {places.begin(), places.end()};
}

std::vector<int64_t> parse_sizes(const std::string& text, size_t count, const char* form) {
  std::vector<int64_t> sizes;
  std::istringstream in(text);
  std::string part;
  while (std::getline(in, part, 'x')) {
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    require(number && std::stoll(part) > 0, "shape \"", text, "\" does not have the form ", form);
    sizes.push_back(std::stoll(part));
  }
  require(sizes.size() == count, "shape \"", text, "\" does not have the form ", form);
  return sizes;
}

}  // namespace hewn
