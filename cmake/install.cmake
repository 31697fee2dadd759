# What `cmake --install` gives: the library for find_package(upconv), its public headers under the paths that they have
# here, the program, and the shipped weights.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The package can only name what a consumer can find too.
foreach(dependency TBB::tbb fmt::fmt PNG::PNG libdeflate::libdeflate)
  get_target_property(found ${dependency} IMPORTED)
  if(NOT found)
    message(STATUS "cmake --install is off: ${dependency} was fetched, install a package of it first")
    set(UPCONV_INSTALL OFF)
    return()
  endif()
endforeach()

install(TARGETS upconv EXPORT upconv INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(header IN LISTS upconv_public_headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/upconv/${folder})
endforeach()
install(FILES include/upconv/tbb.h include/upconv/upconv.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/upconv)
install(FILES examples/weights/dcgan.safetensors DESTINATION ${CMAKE_INSTALL_DATADIR}/upconv)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(UPCONV_TOOLS)
  install(TARGETS upconv_program)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/upconv)
configure_package_config_file(cmake/upconvConfig.cmake.in ${PROJECT_BINARY_DIR}/upconvConfig.cmake
  INSTALL_DESTINATION ${package})
# Before 1.0 a minor version may change what it likes.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/upconvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT upconv NAMESPACE upconv:: FILE upconvTargets.cmake DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/upconvConfig.cmake ${PROJECT_BINARY_DIR}/upconvConfigVersion.cmake
  cmake/Findlibdeflate.cmake cmake/upconv_embed_weights.cmake DESTINATION ${package})
