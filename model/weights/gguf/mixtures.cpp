#include "model/weights/gguf/mixtures.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "core/error.h"

namespace hewn {
namespace {

constexpr Mixture mixture_table[] = {
    {.name = "f32", .file_type = 0, .dtype = DType::f32},
    {.name = "f16", .file_type = 1, .dtype = DType::f16},
    {.name = "bf16", .file_type = 32, .dtype = DType::bf16},
    {.name = "q8_0", .file_type = 7, .blocks = BlockType::q8_0},
    {.name = dynamic_q8, .file_type = 7, .blocks = BlockType::q8_0, .one_scale = true},
    {.name = "q6_k", .file_type = 18, .blocks = BlockType::q6_k},
    {.name = "q4_k_m", .file_type = 15, .blocks = BlockType::q4_k},
    {.name = "q4_k_s", .file_type = 14, .blocks = BlockType::q4_k},
    {.name = "q4_0", .file_type = 2, .blocks = BlockType::q4_0},
};

constexpr BlockType written_blocks[] = {BlockType::q8_0, BlockType::q6_k, BlockType::q5_k,
                                        BlockType::q5_0, BlockType::q4_k, BlockType::q4_0};
constexpr DType written_types[] = {DType::f32, DType::bf16, DType::f16};

/// The type of a tensor's elements.
struct Format {
  std::optional<BlockType> blocks = {};
  DType dtype = DType::f32;
};

Format format_named(const std::string& name) {
  std::string known;
  for (const DType dtype : written_types) {
    if (name == name_of(dtype)) return {.dtype = dtype};
    known += (known.empty() ? "" : ", ") + std::string(name_of(dtype));
  }
  for (const BlockType type : written_blocks) {
    if (name == format_of(type).name) return {.blocks = type};
    known += ", " + std::string(format_of(type).name);
  }
  fail(ErrorCode::usage, "\"", name, "\" is not a format of a tensor; expected ", known);
}

/// The number of a tensor's layer: "blk.3.ffn_down.weight" is in layer 3. 0 for tensors outside of layers.
int64_t layer_of(const std::string& name) {
  constexpr std::string_view block = "blk.";
  return name.starts_with(block) ? std::stoll(name.substr(block.size())) : 0;
}

/// The layers to which mixtures give more bits: the first and the last eighth, and every third between them.
bool takes_more_bits(int64_t layer, int64_t layers) {
  const int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

/// The head, which is also the embeddings if the model has none of its own, is Q6_K at least. Of the layers, the values
/// and the end of the MLP suffer most from few bits.
BlockType blocks_in(const Mixture& mixture, const std::string& name, const ModelConfig& config,
                    int64_t cols) {
  const BlockType usual = *mixture.blocks;
  const bool head = name == "output.weight" || (config.tie && name == "token_embd.weight");
  if (head && cols % format_of(usual).elements != 0) return BlockType::q8_0;
  if (head) return usual == BlockType::q8_0 ? usual : BlockType::q6_k;
  const bool values = name.find("attn_v.") != name.npos || name.find("attn_qkv.") != name.npos;
  const bool down = name.find("ffn_down.") != name.npos;
  if (!values && !down) return usual;
  const int64_t layer = layer_of(name);
  if (mixture.name == "q4_k_m" && takes_more_bits(layer, config.n_layer)) return BlockType::q6_k;
  if (mixture.name == "q4_k_s" && layer < (values ? 4 : config.n_layer / 8)) return BlockType::q5_k;
  return usual;
}

/// The format instead of one whose blocks do not divide the rows of a matrix: of 32 elements, or none.
Format fitting(BlockType type, int64_t cols) {
  constexpr int64_t small_block = 32;
  if (cols % format_of(type).elements == 0) return {.blocks = type};
  if (cols % small_block != 0) return {.dtype = DType::bf16};
  return {.blocks = type == BlockType::q4_k ? BlockType::q5_0 : BlockType::q8_0};
}

/// Whether files hold this tensor in other types than float32: ggml adds vectors and positions as float32.
bool is_convertible(const TensorEntry& entry) {
  return entry.shape.size() == 2 && entry.name != "position_embd.weight";
}

bool matches(const ChosenFormat& choice, const TensorEntry& entry) {
  return fnmatch(choice.pattern.c_str(), entry.name.c_str(), 0) == 0;
}

/// Matrices that got another format than they should have, by their columns and both formats.
class Fallbacks {
 public:
  void add(const TensorEntry& entry, BlockType wanted) {
    const Kind kind{entry.shape[1], wanted, entry.type_name()};
    auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.kind == kind; });
    if (group == groups_.end()) group = groups_.insert(group, {kind, {}});
    group->names.push_back(entry.name);
  }

  /// A sentence for each group.
  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    for (const auto& [kind, names] : groups_) {
      const BlockFormat& wanted = format_of(kind.wanted);
      const bool one = names.size() == 1;
      notes.push_back(join(names.size(), one ? " matrix" : " matrices", " with rows of ", kind.cols,
                           one ? " values is " : " values are ", kind.found, " instead of ", wanted.name,
                           ", whose blocks have ", wanted.elements, ": ", first_names(names)));
    }
    return notes;
  }

 private:
  struct Kind {
    int64_t cols;
    BlockType wanted;
    std::string_view found;
    bool operator==(const Kind&) const = default;
  };
  struct Group {
    Kind kind;
    std::vector<std::string> names;
  };
  std::vector<Group> groups_;  // in the order of their first matrices
};

}  // namespace

std::span<const Mixture> mixtures() { return mixture_table; }

const Mixture& find_mixture(std::string_view name) {
  std::string known;
  for (const Mixture& mixture : mixture_table) {
    if (mixture.name == name) return mixture;
    known += (known.empty() ? "" : ", ") + std::string(mixture.name);
  }
  fail(ErrorCode::usage, "\"", name, "\" is not a format of a quantised model; expected ", known);
}

std::string first_names(const std::vector<std::string>& names) {
  constexpr size_t most = 4;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > most ? join(text, " and ", names.size() - most, " more") : text;
}

bool is_chosen(const std::vector<ChosenFormat>& choices, const TensorEntry& entry) {
  return std::any_of(choices.begin(), choices.end(),
                     [&](const ChosenFormat& choice) { return matches(choice, entry); });
}

std::vector<TensorEntry> possible_formats(const TensorEntry& entry) {
  std::vector<TensorEntry> all;
  if (!is_convertible(entry)) return all;
  TensorEntry plain = entry;
  plain.blocks.reset();
  plain.dtype = DType::bf16;
  all.push_back(plain);
  plain.dtype = DType::f32;
  for (const BlockType type : written_blocks)
    if (entry.shape[1] % format_of(type).elements == 0) {
      all.push_back(plain);
      all.back().blocks = type;
    }
  return all;
}

uint32_t file_type_of(const std::vector<TensorEntry>& entries) {
  std::map<std::string_view, int64_t> weights;
  for (const TensorEntry& entry : entries) weights[entry.type_name()] += entry.elements();
  const auto most = std::max_element(weights.begin(), weights.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const Mixture& mixture : mixture_table)
    if (most->first == (mixture.blocks ? format_of(*mixture.blocks).name : name_of(mixture.dtype)))
      return mixture.file_type;
  return most->first == "q5_k" ? 17 : 8;  // Q5_K_M, Q5_0
}

std::vector<std::string> choose_formats(const Mixture& mixture, const std::vector<ChosenFormat>& choices,
                                        const ModelConfig& config, std::vector<TensorEntry>& entries) {
  for (const ChosenFormat& choice : choices)
    require(std::any_of(entries.begin(), entries.end(),
                        [&](const TensorEntry& e) { return is_convertible(e) && matches(choice, e); }),
            "the pattern \"", choice.pattern,
            "\" matches no matrix of the model; its matrices have names such as ", entries.front().name);
  Fallbacks fallbacks;
  for (TensorEntry& entry : entries) {
    if (!is_convertible(entry)) continue;
    const int64_t cols = entry.shape[1];
    const auto choice = std::find_if(choices.begin(), choices.end(),
                                     [&](const ChosenFormat& c) { return matches(c, entry); });
    Format format{.dtype = mixture.dtype};
    if (choice != choices.end())
      format = format_named(choice->format);
    else if (mixture.blocks)
      format.blocks = blocks_in(mixture, entry.name, config, cols);
    const std::optional<BlockType> wanted = format.blocks;
    if (wanted) format = fitting(*wanted, cols);
    entry.blocks = format.blocks;
    entry.dtype = format.dtype;
    entry.one_scale = mixture.one_scale && format.blocks == BlockType::q8_0;
    if (wanted && format.blocks != wanted) fallbacks.add(entry, *wanted);
  }
  return fallbacks.notes();
}

}  // namespace hewn
