from tests.e2e.fixtures import redis_server, start, user_dir
from tests.e2e.office import office

__all__ = ["office", "redis_server", "start", "user_dir"]
