#include "model/weights/torch/pickle.h"

#include <algorithm>
#include <bit>

#include "model/weights/bytes.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace {

using safetensors::in_quotes;

// A checkpoint has about 40 instructions per tensor.
constexpr size_t most_instructions = 1'000'000;

constexpr std::string_view ordered_dict = "collections.OrderedDict";
constexpr std::string_view rebuild_tensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view rebuild_parameter = "torch._utils._rebuild_parameter";
constexpr std::string_view known_globals[] = {
    ordered_dict,          rebuild_tensor,       rebuild_parameter,       "torch.FloatStorage",
    "torch.DoubleStorage", "torch.HalfStorage",  "torch.BFloat16Storage", "torch.LongStorage",
    "torch.IntStorage",    "torch.ShortStorage", "torch.CharStorage",     "torch.ByteStorage",
    "torch.BoolStorage"};

}  // namespace

std::string_view name_of(PickleKind kind) {
  constexpr std::string_view names[] = {"None",     "a boolean", "an integer", "a number",
                                        "a string", "a list",    "a tuple",    "a dict",
                                        "a type",   "a storage", "a tensor"};
  return names[static_cast<size_t>(kind)];
}

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, Pickle& into)
      : code_(bytes, "the pickle"), pickle_(into), most_stored_(std::min(bytes.size(), most_instructions)) {}

  void run() {
    if (code_.left() == 0 || code_.number<uint8_t>() != proto) stop("does not begin with a protocol number");
    if (const int protocol = code_.number<uint8_t>(); protocol < 2 || protocol > 5)
      stop("is of protocol ", protocol, "; 2 to 5 are supported");
    for (size_t n = 0;; ++n) {
      if (n == most_instructions) stop("has more than ", most_instructions, " instructions");
      const auto op = code_.number<uint8_t>();
      if (op == '.') break;
      if (!simple_value(op) && !container(op) && !memory(op)) call(op);
    }
    pickle_.root_ = pop();
    if (!stack_.empty() || !marks_.empty()) stop("ends with more than one value");
  }

 private:
  using Place = Pickle::Place;
  using Node = Pickle::Node;
  static constexpr uint8_t proto = 0x80;

  template <class... Parts>
  [[noreturn]] void stop(const Parts&... parts) {
    fail(ErrorCode::input, "the pickle ", parts..., " (byte ", code_.at(), ")");
  }

  Node& push(PickleKind kind) {
    stack_.push_back(static_cast<Place>(pickle_.nodes_.size()));
    Node& node = pickle_.nodes_.emplace_back();
    node.kind = kind;
    return node;
  }
  void push_text(std::string_view text, PickleKind kind = PickleKind::text) {
    push(kind).text = {text.data(), text.size()};
  }
  void push_items(PickleKind kind, const std::vector<Place>& items) {
    push(kind).items = {pickle_.fixed_.size(), items.size()};
    pickle_.fixed_.insert(pickle_.fixed_.end(), items.begin(), items.end());
  }
  std::string_view text(Place place) {
    const Node& node = expect(place, PickleKind::text);
    return {node.text.begin, node.text.size};
  }
  void push_integer(int64_t value, PickleKind kind = PickleKind::integer) { push(kind).integer = value; }

  Place pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) stop("takes a value where the stack has none");
    const Place top = stack_.back();
    stack_.pop_back();
    return top;
  }
  /// The values since the last mark, which is removed.
  std::vector<Place> pop_marked() {
    if (marks_.empty()) stop("takes values up to a mark, but there is no mark");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Place> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }
  Node& at(Place place) { return pickle_.nodes_[place]; }
  Node& expect(Place place, PickleKind kind) {
    if (at(place).kind != kind)
      stop("has ", name_of(at(place).kind), " where ", name_of(kind), " is expected");
    return at(place);
  }

  bool simple_value(uint8_t op) {
    switch (op) {
      case 'N': push(PickleKind::none); break;
      case 0x88: push_integer(1, PickleKind::boolean); break;
      case 0x89: push_integer(0, PickleKind::boolean); break;
      case 'J': push_integer(code_.number<int32_t>()); break;
      case 'K': push_integer(code_.number<uint8_t>()); break;
      case 'M': push_integer(code_.number<uint16_t>()); break;
      case 0x8a: long_integer(code_.take(code_.number<uint8_t>())); break;
      case 'G':
        push(PickleKind::real).real = std::bit_cast<double>(__builtin_bswap64(code_.number<uint64_t>()));
        break;
      case 'X': push_text(code_.take(code_.number<uint32_t>())); break;
      case 0x8c: push_text(code_.take(code_.number<uint8_t>())); break;
      case 0x8d: push_text(code_.take(code_.number<uint64_t>())); break;
      default: return false;
    }
    return true;
  }

  /// Two's complement, lowest byte first.
  void long_integer(std::string_view bytes) {
    if (bytes.size() > 8) stop("contains an integer of ", bytes.size(), " bytes; at most 8 are supported");
    uint64_t value = !bytes.empty() && (bytes.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    push_integer(static_cast<int64_t>(value));
  }

  bool container(uint8_t op) {
    switch (op) {
      case '(': marks_.push_back(stack_.size()); break;
      case '}': push(PickleKind::dict); break;
      case ']': push(PickleKind::list); break;
      case ')': push_items(PickleKind::tuple, {}); break;
      case 't': push_items(PickleKind::tuple, pop_marked()); break;
      case 0x85:
      case 0x86:
      case 0x87: {
        std::vector<Place> items(op - size_t{0x84});
        for (size_t i = items.size(); i-- > 0;) items[i] = pop();
        push_items(PickleKind::tuple, items);
        break;
      }
      case 'a': {
        const Place item = pop();
        extend(PickleKind::list, {item});
        break;
      }
      case 'e': extend(PickleKind::list, pop_marked()); break;
      case 's': {
        const Place value = pop(), key = pop();
        extend(PickleKind::dict, {key, value});
        break;
      }
      case 'u': extend(PickleKind::dict, pop_marked()); break;
      default: return false;
    }
    return true;
  }

  /// Appends to the container on top of the stack.
  void extend(PickleKind kind, const std::vector<Place>& more) {
    const Place top = pop();
    Node& container = expect(top, kind);
    if (kind == PickleKind::dict && more.size() % 2) stop("gives a dict a key without a value");
    if (container.list == Pickle::nowhere) {
      container.list = static_cast<Place>(pickle_.lists_.size());
      pickle_.lists_.emplace_back();
    }
    std::vector<Place>& items = pickle_.lists_[container.list];
    items.insert(items.end(), more.begin(), more.end());
    stack_.push_back(top);
  }

  bool memory(uint8_t op) {
    switch (op) {
      case 'q': memorise(code_.number<uint8_t>()); break;
      case 'r': memorise(code_.number<uint32_t>()); break;
      case 0x94: memorise(memo_.size()); break;
      case 'h': recall(code_.number<uint8_t>()); break;
      case 'j': recall(code_.number<uint32_t>()); break;
      case 0x95: {
        const auto bytes = code_.number<uint64_t>();  // a frame only groups bytes for reading
        if (bytes > code_.left()) stop("states that ", bytes, " bytes follow, but there are ", code_.left());
        break;
      }
      default: return false;
    }
    return true;
  }

  void memorise(size_t number) {
    if (number >= most_stored_) stop("numbers a value ", number, "; expected 0, 1, 2 and so on");
    if (number >= memo_.size()) memo_.resize(number + 1, Pickle::nowhere);
    memo_[number] = pop();
    stack_.push_back(memo_[number]);
  }
  void recall(size_t number) {
    if (number >= memo_.size() || memo_[number] == Pickle::nowhere)
      stop("refers to value ", number, ", which it never stored");
    stack_.push_back(memo_[number]);
  }

  void call(uint8_t op) {
    switch (op) {
      case 'c': {
        const std::string_view module = code_.take_until('\n');
        global(module, code_.take_until('\n'));
        break;
      }
      case 0x93: {
        const Place name = pop(), module = pop();
        global(text(module), text(name));
        break;
      }
      case 'Q': {
        const std::span<const Place> id = pickle_.items(expect(pop(), PickleKind::tuple));
        if (id.size() != 5 || text(id[0]) != "storage")
          stop("refers to an external object that is not the storage of a tensor");
        push_items(PickleKind::storage, {id.begin() + 1, id.end()});
        break;
      }
      case 'R': reduce(); break;
      case 'b': {
        // Attributes of an OrderedDict: the versions of a state dict's layers, which are not needed.
        pop();
        const Place object = pop();
        expect(object, PickleKind::dict);
        stack_.push_back(object);
        break;
      }
      default: {
        constexpr char digits[] = "0123456789abcdef";
        stop("contains the instruction 0x", digits[op >> 4], digits[op & 15],
             ", which plain values and tensors do not need");
      }
    }
  }

  void global(std::string_view module, std::string_view name) {
    for (const std::string_view known : known_globals) {
      if (known.size() == module.size() + 1 + name.size() && known.starts_with(module) &&
          known[module.size()] == '.' && known.ends_with(name)) {
        push_text(known, PickleKind::global);
        return;
      }
    }
    stop("requests ", in_quotes(std::string(module.substr(0, 50)) + "." + std::string(name.substr(0, 50))),
         ", which is neither a tensor nor a plain value; code in a pickle is never executed");
  }

  void reduce() {
    const Place arguments = pop(), callable = pop();
    const Pickle::Text& called = expect(callable, PickleKind::global).text;
    const std::string_view name(called.begin, called.size);
    const std::span<const Place> given = pickle_.items(expect(arguments, PickleKind::tuple));
    if (name == ordered_dict && given.empty()) {
      push(PickleKind::dict);
    } else if (name == rebuild_tensor && (given.size() == 6 || given.size() == 7)) {
      expect(given[0], PickleKind::storage);
      push_items(PickleKind::tensor, {given.begin(), given.end()});
    } else if (name == rebuild_parameter && !given.empty()) {
      expect(given[0], PickleKind::tensor);
      stack_.push_back(given[0]);
    } else {
      stop("calls ", name, " with ", given.size(), " values; this call is not supported");
    }
  }

  ByteReader code_;
  Pickle& pickle_;
  size_t most_stored_;
  std::vector<Place> stack_, memo_;
  std::vector<size_t> marks_;
};

Pickle::Pickle(std::string_view bytes) { PickleMachine(bytes, *this).run(); }

std::span<const Pickle::Place> Pickle::items(const Node& node) const {
  switch (node.kind) {
    case PickleKind::tuple:
    case PickleKind::storage:
    case PickleKind::tensor: return std::span(fixed_).subspan(node.items.begin, node.items.size);
    default: return node.list == nowhere ? std::span<const Place>() : lists_[node.list];
  }
}

PickleValue Pickle::root() const { return {*this, root_}; }

const Pickle::Node& PickleValue::expect(PickleKind kind) const {
  if (node().kind != kind)
    fail(ErrorCode::input, "the pickle has ", name_of(node().kind), " where ", name_of(kind), " is expected");
  return node();
}

double PickleValue::real() const {
  return kind() == PickleKind::integer ? static_cast<double>(integer()) : expect(PickleKind::real).real;
}

size_t PickleValue::size() const { return kind() == PickleKind::dict ? items().size() / 2 : items().size(); }

PickleValue PickleValue::item(size_t i) const {
  if (kind() == PickleKind::dict || i >= items().size())
    fail(ErrorCode::input, "the pickle has ", name_of(kind()), " of ", size(), " items; expected an item ",
         i);
  return other(items()[i]);
}

PickleValue PickleValue::key(size_t i) const { return other(items(PickleKind::dict)[2 * i]); }
PickleValue PickleValue::value(size_t i) const { return other(items(PickleKind::dict)[2 * i + 1]); }

std::optional<PickleValue> PickleValue::find(std::string_view wanted) const {
  for (size_t i = items(PickleKind::dict).size() / 2; i-- > 0;)
    if (key(i).kind() == PickleKind::text && key(i).text() == wanted) return value(i);
  return std::nullopt;
}

PickleValue PickleValue::at(std::string_view wanted) const {
  const auto found = find(wanted);
  if (!found) fail(ErrorCode::input, "the pickle's dict has no entry ", in_quotes(wanted));
  return *found;
}

}  // namespace hewn
