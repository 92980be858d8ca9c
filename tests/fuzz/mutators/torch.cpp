#include <algorithm>

#include "tests/fuzz/mutators/mutator.h"

namespace hewn::test {
namespace {

/// The fields that the header before a file and its entry in the directory share.
struct ZipFields {
  uint64_t flags = 0, method = 0, crc = 0, packed = 0, bytes = 0;
  std::string name = {}, extra = {};
  std::optional<uint64_t> name_length = {}, extra_length = {};
};

struct ZipMember {
  ZipFields local, central;
  std::string content;
  std::optional<uint64_t> offset = {};
};

struct ZipSkeleton {
  std::vector<ZipMember> members;
  std::optional<uint64_t> count = {}, directory_bytes = {}, directory_offset = {};
  std::string comment = {};
};

uint32_t zip_crc(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/// The members of an archive that is not zip64.
std::optional<ZipSkeleton> parse_zip(std::string_view file) {
  const size_t end = file.rfind("PK\5\6");
  if (end == file.npos) return std::nullopt;
  Taker last(file.substr(end));
  last.take(10);
  const uint64_t count = last.number(2);
  last.take(4);
  Taker directory(file.substr(std::min<size_t>(last.number(4), file.size())));
  ZipSkeleton skeleton;
  for (uint64_t i = 0; i < count && directory.good(); ++i) {
    ZipMember member;
    ZipFields& fields = member.central;
    directory.take(8);
    fields.flags = directory.number(2);
    fields.method = directory.number(2);
    directory.take(4);
    fields.crc = directory.number(4);
    fields.packed = directory.number(4);
    fields.bytes = directory.number(4);
    const uint64_t name = directory.number(2), extra = directory.number(2), comment = directory.number(2);
    directory.take(8);
    const uint64_t offset = directory.number(4);
    fields.name = directory.take(name);
    fields.extra = directory.take(extra);
    directory.take(comment);
    Taker local(file.substr(std::min<size_t>(offset, file.size())));
    local.take(26);
    const uint64_t local_name = local.number(2), local_extra = local.number(2);
    member.local = fields;
    member.local.name = local.take(local_name);
    member.local.extra = local.take(local_extra);
    member.content = local.take(std::min<uint64_t>(fields.packed, local.left()));
    skeleton.members.push_back(std::move(member));
  }
  if (skeleton.members.empty() || !directory.good()) return std::nullopt;
  return skeleton;
}

std::string written(const ZipFields& f) {
  return number_bytes(20, 2) + number_bytes(f.flags, 2) + number_bytes(f.method, 2) +
         number_bytes(0x210000, 4) + number_bytes(f.crc, 4) + number_bytes(f.packed, 4) +
         number_bytes(f.bytes, 4) + number_bytes(f.name_length.value_or(f.name.size()), 2) +
         number_bytes(f.extra_length.value_or(f.extra.size()), 2);
}

std::string written(const ZipSkeleton& skeleton) {
  std::string archive, directory;
  for (const ZipMember& member : skeleton.members) {
    directory += "PK\1\2" + number_bytes(20, 2) + written(member.central) + number_bytes(0, 10) +
                 number_bytes(member.offset.value_or(archive.size()), 4) + member.central.name +
                 member.central.extra;
    archive += "PK\3\4" + written(member.local) + member.local.name + member.local.extra + member.content;
  }
  const uint64_t count = skeleton.count.value_or(skeleton.members.size());
  return archive + directory + "PK\5\6" + number_bytes(0, 4) + number_bytes(count, 2) +
         number_bytes(count, 2) + number_bytes(skeleton.directory_bytes.value_or(directory.size()), 4) +
         number_bytes(skeleton.directory_offset.value_or(archive.size()), 4) +
         number_bytes(skeleton.comment.size(), 2) + skeleton.comment;
}

void fill(ZipMember& member, std::string content) {
  member.content = std::move(content);
  for (ZipFields* fields : {&member.local, &member.central}) {
    fields->crc = zip_crc(member.content);
    fields->packed = fields->bytes = member.content.size();
  }
}

void change_field(ZipFields& fields, Dice& dice) {
  switch (dice.below(8)) {
    case 0: fields.flags = boundary(fields.flags, dice); break;
    case 1: fields.method = dice.one_of<uint64_t>({8, 9, 12, 14, 93, 95, 99, 65535}); break;
    case 2: fields.crc = boundary(fields.crc, dice); break;
    case 3: fields.packed = boundary(fields.packed, dice); break;
    case 4: fields.bytes = boundary(fields.bytes, dice); break;
    case 5: fields.name_length = boundary(fields.name.size(), dice); break;
    case 6: fields.extra_length = boundary(fields.extra.size(), dice); break;
    default:
      fields.name = dice.one_of<const char*>(
          {"a/data.pkl", "a/data/0", "a/data/1", "a/byteorder", "data.pkl", "../a", ""});
  }
}

/// Moves the sizes and the place of a member to a field of zip64.
void widen(ZipMember& member, Dice& dice) {
  const uint64_t bytes = dice.one_in(2) ? member.content.size() : boundary(member.content.size(), dice);
  member.central.packed = member.central.bytes = 0xffffffff;
  member.central.extra =
      number_bytes(1, 2) + number_bytes(16, 2) + number_bytes(bytes, 8) + number_bytes(bytes, 8);
}

}  // namespace

std::optional<std::string> mutate_torch(std::string_view file, Dice& dice) {
  auto skeleton = parse_zip(file);
  if (!skeleton) return std::nullopt;
  ZipMember& member = dice.one_of(skeleton->members);
  switch (dice.below(10)) {
    case 0: rearrange(skeleton->members, dice); break;
    case 1: change_field(dice.one_in(2) ? member.local : member.central, dice); break;
    case 2: {  // the same in both places
      change_field(member.central, dice);
      const std::string extra = member.local.extra;
      member.local = member.central;
      member.local.extra = extra;
      break;
    }
    case 3:
      if (dice.one_in(2)) widen(member, dice);
      if (dice.one_in(4)) member.offset = boundary(0, dice);
      break;
    case 4:
      if (dice.one_in(3)) skeleton->count = boundary(skeleton->members.size(), dice);
      if (dice.one_in(3)) skeleton->directory_bytes = boundary(100, dice);
      if (dice.one_in(3)) skeleton->directory_offset = boundary(100, dice);
      if (dice.one_in(3)) skeleton->comment.assign(dice.below(40), 'c');
      break;
    case 5: fill(member, member.content + std::string(dice.below(16), '\0')); break;
    default:
      for (ZipMember& each : skeleton->members)
        if (each.central.name.ends_with(".pkl"))
          if (auto changed = mutate_pickle(each.content, dice)) fill(each, std::move(*changed));
  }
  return written(*skeleton);
}

}  // namespace hewn::test
