#include "train/checkpoint/moments.h"

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include "core/error.h"
#include "model/weights/weights.h"
#include "train/ranks/rank_exchange.h"
#include "train/ranks/value_exchange.h"

namespace hewn {
namespace {

/// Calls `use` on rank 0 with all pieces in the order of the file, as bytes. All ranks call it.
void collect(const Trainer& trainer,
             const std::function<void(const std::string& name, std::span<const std::byte>)>& use) {
  Ranks* const ranks = ranks_of(trainer);
  const DType dtype = trainer.model().parameters().dtype();
  std::vector<std::byte> host;
  for (const Optimizer::Moment& moment : trainer.optimizer().moments())
    for (const Optimizer::Piece& piece : moment.pieces) {
      host.resize(static_cast<size_t>(piece.elements.size()) * size_of(dtype));
      if (piece.here.defined()) piece.here.device().download(host.data(), piece.here.data(), host.size());
      if (piece.owner != Optimizer::Piece::every_rank) ranks->copy(piece.owner, 0, host);
      if (!ranks || ranks->rank() == 0) use(moment.name, host);
    }
}

/// The elements of an entry that a piece has.
TensorEntry part_of(const TensorEntry& entry, Range elements) {
  TensorEntry part = entry;
  const size_t size = size_of(entry.dtype);
  part.shape = {elements.size()};
  part.data = static_cast<const std::byte*>(entry.data) + static_cast<size_t>(elements.begin) * size;
  part.bytes = static_cast<size_t>(elements.size()) * size;
  return part;
}

/// Sends another rank the values of an entry, converted to float or double.
template <class T>
void send(const TensorEntry& entry, int to, Ranks& ranks) {
  std::vector<T> values = values_of<T>(entry);
  ranks.copy(0, to, std::as_writable_bytes(std::span(values)));
}

/// Overwrites the values of a tensor with those that rank 0 sends.
void receive(Tensor& values, Ranks& ranks) {
  std::vector<std::byte> host(values.bytes());
  ranks.copy(0, ranks.rank(), host);
  values.upload(host.data());
}

}  // namespace

FileSum save_moments(const std::string& path, const Trainer& trainer) {
  std::vector<TensorEntry> entries;
  for (const Optimizer::Moment& m : trainer.optimizer().moments()) {
    const auto sizes = m.shape.sizes();
    entries.push_back({.name = m.name,
                       .dtype = trainer.model().parameters().dtype(),
                       .shape = {sizes.begin(), sizes.end()}});
  }
  SafetensorsWriter writer(path, entries);
  collect(trainer, [&](const std::string& name, std::span<const std::byte> bytes) {
    writer.append(name, bytes.data(), bytes.size());
  });
  return writer.finish();
}

void send_moments(const Trainer& trainer) {
  collect(trainer, [](const std::string&, std::span<const std::byte>) {});
}

void check_moments(const SafetensorsFile& file, const Optimizer& optimizer) {
  for (const Optimizer::Moment& moment : optimizer.moments()) {
    const TensorEntry& entry = file.at(moment.name);
    const auto sizes = moment.shape.sizes();
    if (!std::equal(sizes.begin(), sizes.end(), entry.shape.begin(), entry.shape.end()))
      fail(ErrorCode::input, file.path(), ": ", moment.name, " is ", Shape(entry.shape), "; expected ",
           moment.shape);
    if (!is_float(entry.dtype))
      fail(ErrorCode::input, file.path(), ": ", moment.name, " is ", name_of(entry.dtype),
           "; expected floating-point numbers");
  }
}

void load_moments(const SafetensorsFile* file, const Trainer& trainer) {
  Ranks* const ranks = ranks_of(trainer);
  const DType dtype = trainer.model().parameters().dtype();
  for (const Optimizer::Moment& moment : trainer.optimizer().moments())
    for (const Optimizer::Piece& piece : moment.pieces) {
      Tensor here = piece.here;
      if (file) {
        const TensorEntry part = part_of(file->at(moment.name), piece.elements);
        if (here.defined())
          upload_entry(part, here);
        else
          dtype == DType::f64 ? send<double>(part, piece.owner, *ranks)
                              : send<float>(part, piece.owner, *ranks);
      }
      if (!ranks || !here.defined()) continue;
      if (piece.owner == Optimizer::Piece::every_rank)
        broadcast_values(here, *ranks);
      else if (ranks->rank() > 0)
        receive(here, *ranks);
    }
}

}  // namespace hewn
