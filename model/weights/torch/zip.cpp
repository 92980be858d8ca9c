#include "model/weights/torch/zip.h"

#include <algorithm>
#include <vector>

#include "model/weights/bytes.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace {

using safetensors::in_quotes;

constexpr uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50,
                   end64_magic = 0x06064b50, locator64_magic = 0x07064b50;
constexpr uint32_t elsewhere32 = 0xffffffff;  // the number is in a 64-bit field elsewhere
constexpr uint16_t elsewhere16 = 0xffff;
constexpr size_t end_bytes = 22, locator64_bytes = 20, central_bytes = 46;

/// Location of the list of files.
struct ZipDirectory {
  uint64_t files = 0, bytes = 0, offset = 0;
};

/// Offset of the last record of the archive. A comment may follow it; the record states its length.
size_t end_record(std::string_view archive) {
  const size_t longest = std::min<size_t>(archive.size(), end_bytes + elsewhere16);
  for (size_t behind = end_bytes; behind <= longest; ++behind) {
    ByteReader record(archive.substr(archive.size() - behind), "the end of the archive");
    if (record.number<uint32_t>() != end_magic) continue;
    record.take(16);
    if (record.number<uint16_t>() == behind - end_bytes) return archive.size() - behind;
  }
  fail(ErrorCode::input, "the file does not end like a zip archive; it is not one, or it was cut short");
}

std::string_view bytes_from(std::string_view archive, uint64_t offset, std::string_view what) {
  if (offset > archive.size()) {
    fail(ErrorCode::input, what, " should be at byte ", offset, ", but the archive has ", archive.size());
  }
  return archive.substr(offset);
}

ZipDirectory find_directory(std::string_view archive) {
  const size_t end = end_record(archive);
  ByteReader record(archive.substr(end), "the end of the archive");
  record.take(4);
  const bool in_parts = record.number<uint16_t>() != record.number<uint16_t>();
  record.take(2);
  ZipDirectory d;
  d.files = record.number<uint16_t>();
  d.bytes = record.number<uint32_t>();
  d.offset = record.number<uint32_t>();
  const bool large = d.files == elsewhere16 || d.bytes == elsewhere32 || d.offset == elsewhere32;
  if (large && end >= locator64_bytes) {
    ByteReader locator(archive.substr(end - locator64_bytes), "the zip64 locator");
    if (locator.number<uint32_t>() == locator64_magic) {
      locator.take(4);
      ByteReader record64(bytes_from(archive, locator.number<uint64_t>(), "the zip64 record"),
                          "the zip64 record");
      if (record64.number<uint32_t>() != end64_magic)
        fail(ErrorCode::input, "the archive's zip64 record is damaged");
      record64.take(28);
      d.files = record64.number<uint64_t>();
      d.bytes = record64.number<uint64_t>();
      d.offset = record64.number<uint64_t>();
    }
  }
  if (in_parts)
    fail(ErrorCode::input, "the file is one part of a split archive; only whole archives are supported");
  if (d.offset > end || d.bytes > end - d.offset || d.files > d.bytes / central_bytes) {
    fail(ErrorCode::input, "the archive's directory of ", d.files, " files, ", d.bytes, " bytes at byte ",
         d.offset, ", does not fit in the file's ", archive.size(), " bytes");
  }
  return d;
}

struct ZipFile {
  std::string_view name, bytes;
  size_t begin = 0;  // of its local header
};

/// Reads the numbers that did not fit from the extra fields of zip64 (4.5.3).
void widen(std::string_view extra, std::initializer_list<uint64_t*> numbers) {
  ByteReader fields(extra, "an extra field of the directory");
  while (fields.left() >= 4) {
    const auto kind = fields.number<uint16_t>();
    ByteReader field(fields.take(fields.number<uint16_t>()), "the zip64 field");
    if (kind != 1) continue;
    for (uint64_t* number : numbers)
      if (*number == elsewhere32) *number = field.number<uint64_t>();
    return;
  }
}

ZipFile next_file(std::string_view archive, const ZipDirectory& directory, ByteReader& list) {
  if (list.number<uint32_t>() != central_magic)
    fail(ErrorCode::input, "the archive's directory is damaged at byte ", directory.offset + list.at() - 4);
  list.take(4);
  const auto flags = list.number<uint16_t>(), method = list.number<uint16_t>();
  list.take(8);
  uint64_t packed = list.number<uint32_t>(), bytes = list.number<uint32_t>();
  const auto name_bytes = list.number<uint16_t>(), extra_bytes = list.number<uint16_t>(),
             comment_bytes = list.number<uint16_t>();
  list.take(8);
  uint64_t offset = list.number<uint32_t>();
  ZipFile file;
  file.name = list.take(name_bytes);
  widen(list.take(extra_bytes), {&bytes, &packed, &offset});
  list.take(comment_bytes);

  const Doing context("reading the archived file ", in_quotes(file.name));
  if (flags & 1) fail(ErrorCode::input, "the file is encrypted; only plain files are supported");
  if (method != 0 || packed != bytes)
    fail(ErrorCode::input, "the file is compressed (method ", method, "); only stored files are supported");
  ByteReader local(bytes_from(archive.substr(0, directory.offset), offset, "its header"),
                   "the part before the directory");
  if (local.number<uint32_t>() != local_magic) fail(ErrorCode::input, "there is no header at byte ", offset);
  local.take(22);
  const auto local_name = local.number<uint16_t>(), local_extra = local.number<uint16_t>();
  if (local.take(local_name) != file.name)
    fail(ErrorCode::input, "the header at that position has another name");
  local.take(local_extra);
  file.begin = offset;
  file.bytes = local.take(bytes);
  return file;
}

}  // namespace

std::map<std::string_view, std::string_view> read_zip(std::string_view archive) {
  const ZipDirectory directory = find_directory(archive);
  ByteReader list(archive.substr(directory.offset, directory.bytes), "the directory");
  std::vector<ZipFile> files;
  for (uint64_t i = 0; i < directory.files; ++i) files.push_back(next_file(archive, directory, list));

  std::map<std::string_view, std::string_view> by_name;
  for (const ZipFile& file : files)
    if (!by_name.emplace(file.name, file.bytes).second)
      fail(ErrorCode::input, "the archive contains two files named ", in_quotes(file.name));
  std::sort(files.begin(), files.end(), [](const ZipFile& a, const ZipFile& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < files.size(); ++i) {
    const std::string_view before = files[i - 1].bytes;
    if (files[i].begin < static_cast<size_t>(before.data() + before.size() - archive.data()))
      fail(ErrorCode::input, "the archive's files ", in_quotes(files[i - 1].name), " and ",
           in_quotes(files[i].name), " overlap");
  }
  return by_name;
}

}  // namespace hewn
