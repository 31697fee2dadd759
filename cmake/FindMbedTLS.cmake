# MbedTLS::mbedcrypto, as the system has it: with or without a CMake package of its own.
find_package(MbedTLS CONFIG QUIET)
if(NOT TARGET MbedTLS::mbedcrypto)
  include(FindPackageHandleStandardArgs)
  find_path(MbedTLS_INCLUDE_DIR mbedtls/sha256.h)
  find_library(MbedTLS_LIBRARY mbedcrypto)
  mark_as_advanced(MbedTLS_INCLUDE_DIR MbedTLS_LIBRARY)
  find_package_handle_standard_args(MbedTLS REQUIRED_VARS MbedTLS_LIBRARY MbedTLS_INCLUDE_DIR)
  if(MbedTLS_FOUND)
    add_library(MbedTLS::mbedcrypto UNKNOWN IMPORTED)
    set_target_properties(MbedTLS::mbedcrypto PROPERTIES
      IMPORTED_LOCATION ${MbedTLS_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MbedTLS_INCLUDE_DIR})
  endif()
endif()
