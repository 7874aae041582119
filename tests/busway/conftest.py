from tests.e2e.fixtures import redis_server, start, user_dir

__all__ = ["redis_server", "start", "user_dir"]
