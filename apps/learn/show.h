#pragma once
// Chapters on a terminal and as a page.

#include <string>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

/// The list of chapters and their progress.
std::string chapter_list();
/// Prints the command for the first unfinished chapter, or that all are done.
void say_next_chapter();
/// A chapter as text, in lines of `width` columns; pictures are shown as captions.
std::string chapter_text(const Chapter& chapter, int width);
/// All chapters and the glossary as one HTML page.
std::string whole_course_page();

}  // namespace hewn::cli::learn
