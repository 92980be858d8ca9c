# CPack's settings for scripts/package.sh: a Debian package and a tarball of the files that
# `cmake --install` installs.
if(HEWN_PORTABLE)  # libc stays shared: `bench kernels --compare` opens other libraries at run time
  target_link_options(hewn PRIVATE -static-libstdc++ -static-libgcc)
  # The licences of the libraries in the program.
  foreach(name nlohmann-json3-dev libtomlplusplus-dev libutf8proc-dev)
    install(FILES /usr/share/doc/${name}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}/licences RENAME ${name} OPTIONAL)
  endforeach()
endif()

set(CPACK_PACKAGE_VENDOR "The Hewn authors")
set(CPACK_PACKAGE_CONTACT "The Hewn authors")
set(CPACK_PACKAGE_FILE_NAME hewn-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bash-completion")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libutf8proc-dev, cmake, g++")  # to compile programs with hewn::hewn
include(CPack)
