# Argument parsing and downloads of its own programs are half of the build, and Python loads none of it.
set(LLAMA_BUILD_COMMON OFF)
# No absolute paths in generated sources: ccache knows them again in another folder.
set(CMAKE_UNITY_BUILD_RELOCATABLE ON)
# Headers that stand before those of the compiler; each says why.
include_directories(BEFORE SYSTEM "${CMAKE_CURRENT_LIST_DIR}/compiler")
