#pragma once
// Recognises files given by mistake: a PDF in place of a text, a Git LFS pointer in place of the weights.

#include <string>
#include <string_view>

namespace hewn {

/// Names the kind of a file that Hewn cannot read, judged by its first bytes, and how to convert it: "a PDF
/// document; save its text: pdftotext book.pdf book.pdf.txt". "" for all others. `path` is the file name in
/// the commands.
std::string foreign_kind(std::string_view bytes, const std::string& path = "FILE");

/// Whether a text is a web page; ignores leading white space and case.
bool is_html(std::string_view bytes);

/// Throws ErrorCode::input, naming the kind and the remedy, if the file is of one of these kinds. A reader of
/// text calls this first; other readers call it once the bytes do not match their own format.
void refuse_foreign_kind(const std::string& path, std::string_view bytes);

/// The same for a file of numbers. Binary data may begin with any bytes, so only files that begin with text
/// are rejected.
void refuse_foreign_text(const std::string& path, std::string_view bytes);
/// The same for a path that no reader has recognised; ignores everything but regular files.
void refuse_foreign_file(const std::string& path);

/// "; make one file of its 3 .txt files: cat texts/*.txt > all.text" for a directory with such files, else "".
std::string texts_inside(const std::string& directory);

}  // namespace hewn
